#!/bin/sh
# Makes .venv hold what the requirements files ask for; a second call installs nothing.
# Use: tools/setup.sh [PYTHON]   PYTHON, 3.11 to 3.13, is looked for where it is not given.
set -eu
cd "$(dirname "$0")/.."
ready=.venv/ready # written last, so that an interrupted set-up starts again
requirements="requirements.txt requirements-dev.txt requirements-over.txt"

fail() {
    echo "setup: $1" >&2
    exit 2
}

# Which interpreter this is, as one line; fails where it cannot make a working .venv.
identity() {
    "$1" -c 'import sys, venv, ensurepip
print(sys.base_prefix, sys.version.split()[0])
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

wanted=${1:-}
if [ -z "$wanted" ] && [ -f "$ready" ] && .venv/bin/python -c '' 2>/dev/null; then
    wanted=.venv/bin/python # nobody asked for another one
fi
if [ -n "$wanted" ]; then
    who=$(identity "$wanted") || fail "PYTHON=$wanted does not run as Python 3.11 to 3.13 with venv and pip; name another one: PYTHON=/path/to/python make run"
else
    for wanted in python3 python3.12 python3.13 python3.11; do
        if who=$(identity "$wanted"); then break; fi
        who=
    done
    [ -n "$who" ] || fail "no Python 3.11 to 3.13 with venv found on the PATH (Debian: apt install python3-venv); name one: PYTHON=/path/to/python make run"
fi

state="$who $(cat $requirements | cksum)"
if [ -f "$ready" ] && [ "$(cat "$ready")" = "$state" ]; then
    echo "setup: .venv is ready (Python ${who##* }), nothing to install"
    exit 0
fi

# Another interpreter, or none that ran: a new .venv. Changed requirements: the same one, updated.
if [ ! -x .venv/bin/python ] || [ "$(identity .venv/bin/python || true)" != "$who" ]; then
    echo "setup: making .venv with Python ${who##* }" >&2
    "$wanted" -m venv --clear .venv
fi
rm -f "$ready"
echo "setup: installing requirements (torch with CUDA is about 3 GB on Linux)" >&2
pip=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
{ $pip -r requirements.txt -r requirements-dev.txt && $pip --no-deps -r requirements-over.txt; } ||
    {
        echo "setup: pip could not install the requirements; see its message above, then run make again" >&2
        exit 1
    }
echo "$state" >"$ready.new"
mv "$ready.new" "$ready"
echo "setup: .venv is ready (Python ${who##* })"
