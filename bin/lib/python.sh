# Sourced by bin/run and bin/test: a Python that is new enough, and an environment with what is pinned.
# Plain bash 3.2, so that a Mac's own will do.

find_python() {  # prints the newest suitable interpreter
  local name
  for name in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  echo "Python 3.11 or newer is needed and was not found." >&2
  echo "  Cure: apt-get install python3 python3-venv (Debian 12 or later), or brew install python@3.12 (macOS)." >&2
  return 1
}

checksum() {  # of the files named, and of the interpreter that runs them
  cat "$@" | cksum | tr -d ' '
}

make_environment() {  # make_environment FOLDER REQUIREMENTS…: present and exactly as pinned
  local folder=$1 python stamp file
  shift
  if [ ! -x "$folder/bin/python" ] || ! "$folder/bin/python" -c '' 2>/dev/null; then
    python=$(find_python)
    echo "Making $folder with $("$python" --version) …"
    rm -rf "$folder"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
      echo "This Python cannot make virtual environments." >&2
      echo "  Cure: apt-get install $(basename "$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')")-venv" >&2
      return 1
    fi
    "$python" -m venv "$folder"
  fi
  stamp="$folder/.installed-$(checksum "$@")"
  if [ ! -e "$stamp" ]; then
    echo "Installing what $* pin (the first time this takes a minute or two) …"
    set -- $(for file in "$@"; do printf -- '-r %s ' "$file"; done)
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes "$@"
    rm -f "$folder"/.installed-*
    touch "$stamp"
  fi
}
