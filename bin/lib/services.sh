# Sourced by bin/test: a room of its own under the temporary folder, private PostgreSQL and Redis in it, and the end of
# it all, however the run ends.

room=
child=
redis=
postgres=

make_room() {
  room=$(mktemp -d "${TMPDIR:-/tmp}/wetread-test.XXXXXX")
  chmod 711 "$room"
  mkdir -m 700 "$room/tmp"
  export TMPDIR="$room/tmp" RIS_DATA="$room/checks"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

clean_up() {
  local status=$?
  trap - EXIT INT TERM HUP
  if [ -n "$child" ] && kill -INT "-$child" 2>/dev/null; then
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
      kill -0 "-$child" 2>/dev/null || break
      sleep 1
    done
    kill -KILL "-$child" 2>/dev/null || true
  fi
  [ -z "$redis" ] || kill "$redis" 2>/dev/null || true
  [ -z "$postgres" ] || as_nobody_special "$postgres/pg_ctl" -D "$room/pg/data" -m immediate stop >/dev/null 2>&1 || true
  [ -z "$room" ] || rm -rf "$room"
  exit "$status"
}

run() {  # in a process group of its own, so that a signal to this script can end all of it
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  local status=0
  wait "$child" || status=$?
  child=
  return "$status"
}

run_in_front() {  # with the terminal, for --pdb
  unset RIS_DATA
  "$@"
}

as_nobody_special() {  # PostgreSQL refuses to run as root
  if [ "$(id -u)" != 0 ]; then
    "$@"
  elif command -v runuser >/dev/null; then
    runuser -u postgres -- "$@"
  else
    setpriv --reuid postgres --regid postgres --clear-groups "$@"
  fi
}

free_port() {
  "$bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_services() {  # sets postgres_url and redis_url
  local password port
  password=$("$bin/python" -c 'import secrets; print(secrets.token_hex(16))')
  postgres=$(find_postgres)
  mkdir "$room/pg"
  printf '%s' "$password" >"$room/pg/password"
  [ "$(id -u)" != 0 ] || chown -R postgres "$room/pg"
  chmod 700 "$room/pg"
  as_nobody_special env -u TMPDIR "$postgres/initdb" -D "$room/pg/data" -U ris --pwfile "$room/pg/password" \
    --auth scram-sha-256 -E UTF8 --no-locale --no-sync >"$room/initdb.log"
  port=$(free_port)
  # No fsync: these are tests of what this product writes and when, not of PostgreSQL's own durability.
  as_nobody_special env -u TMPDIR "$postgres/pg_ctl" -D "$room/pg/data" -l "$room/pg/log" -w -t 60 start -o "-p $port \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 -c fsync=off \
    -c full_page_writes=off -c synchronous_commit=on" >/dev/null
  postgres_url="postgres://ris:$password@127.0.0.1:$port/postgres"
  port=$(free_port)
  printf 'requirepass %s\nport %s\nbind 127.0.0.1\nsave ""\nappendonly no\ndir %s\n' "$password" "$port" "$room" |
    redis-server - >"$room/redis.log" &
  redis=$!
  redis_url="redis://:$password@127.0.0.1:$port/0"
  "$bin/python" - "$redis_url" <<'PYTHON'
import sys, time, redis
client = redis.Redis.from_url(sys.argv[1])
for _ in range(100):
    try:
        sys.exit(not client.ping())
    except redis.ConnectionError:
        time.sleep(0.1)
sys.exit("Redis did not start.")
PYTHON
}
