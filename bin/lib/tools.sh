# Sourced by bin/test: the programs beside Python that tests start, and how to get them.

find_postgres() {  # prints the folder that holds initdb and pg_ctl
  local folder
  for folder in "$(dirname "$(command -v pg_ctl || true)")" /usr/lib/postgresql/*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
      echo "$folder"
      return
    fi
  done
  return 1
}

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name"; then return; fi
  done
  for name in "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
    if [ -x "$name" ]; then echo "$name" && return; fi
  done
  return 1
}

missing_tools() {  # prints the Debian packages of what is not here
  find_python >/dev/null 2>&1 || echo python3
  if ! find_python >/dev/null 2>&1 || ! "$(find_python)" -c 'import ensurepip' 2>/dev/null; then echo python3-venv; fi
  find_postgres >/dev/null || echo postgresql
  command -v redis-server >/dev/null || echo redis-server
  command -v findscu >/dev/null || echo dcmtk
  command -v openssl >/dev/null || echo openssl
  command -v rsyslogd >/dev/null || printf 'rsyslog\nrsyslog-gnutls\n'
  command -v Orthanc >/dev/null || echo orthanc
  [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || echo orthanc-dicomweb
  find_chromium >/dev/null || echo chromium
}

get_tools() {
  local missing root=
  missing=$(missing_tools | tr '\n' ' ')
  if [ -z "$missing" ]; then return; fi
  [ "$(id -u)" = 0 ] || root="sudo -n"
  if ! command -v apt-get >/dev/null || ! $root true 2>/dev/null; then
    echo "The tests need programs that are not here: $missing(names of Debian packages)" >&2
    echo "  Cure: apt-get install $missing" >&2
    echo "    or: brew install postgresql@16 redis dcmtk && brew install --cask chromium" >&2
    return 1
  fi
  echo "Installing with apt-get: $missing"
  if [ ! -e /usr/sbin/policy-rc.d ]; then  # the tests start their own; no system service is wanted
    printf '#!/bin/sh\nexit 101\n' | $root tee /usr/sbin/policy-rc.d >/dev/null
    $root chmod +x /usr/sbin/policy-rc.d
    trap "$root rm -f /usr/sbin/policy-rc.d" EXIT
  fi
  $root apt-get update -qq
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
  $root rm -f /usr/sbin/policy-rc.d
  trap - EXIT
  missing=$(missing_tools | tr '\n' ' ')
  if [ -n "$missing" ]; then
    echo "Still missing after installing: $missing" >&2
    return 1
  fi
}
