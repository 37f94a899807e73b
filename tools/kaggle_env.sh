#!/bin/sh
# Makes .venv-kaggle with Kaggle's Python and torch, then builds, rehearses and tests the kernel there.
# Use: tools/kaggle_env.sh [PYTHON]   PYTHON, a 3.12, is looked for where it is not given.
set -eu
cd "$(dirname "$0")/.."
ready=.venv-kaggle/ready # written last, so that an interrupted set-up starts again
python=.venv-kaggle/bin/python
requirements=requirements-kaggle.txt
seconds=${REHEARSAL_SECONDS:-90}

fail() {
    echo "kaggle-env: $1" >&2
    exit "${2:-2}"
}

# Which interpreter this is, as one line; fails where it is no Python 3.12 that can make a .venv.
identity() {
    "$1" -c 'import sys, venv, ensurepip
print(sys.base_prefix, sys.version.split()[0])
sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null
}

wanted=${1:-}
example="make kaggle-env PYTHON=/path/to/python3.12"
if [ -n "$wanted" ]; then
    who=$(identity "$wanted") || fail "PYTHON=$wanted does not run as Python 3.12 (Kaggle's) with venv and pip; name another one: $example"
else
    for wanted in python3.12 "${HOME:-}"/.pyenv/versions/3.12*/bin/python; do
        if who=$(identity "$wanted"); then break; fi
        who=
    done
    [ -n "$who" ] || fail "no Python 3.12 (Kaggle's) with venv found on the PATH or in ~/.pyenv; name one: $example"
fi

state="$who $(cksum <$requirements)"
if [ ! -f "$ready" ] || [ "$(cat "$ready")" != "$state" ]; then
    if [ "$(identity $python || true)" != "$who" ]; then
        echo "kaggle-env: making .venv-kaggle with Python ${who##* }" >&2
        "$wanted" -m venv --clear .venv-kaggle
    fi
    rm -f "$ready"
    echo "kaggle-env: installing $requirements (torch with CUDA is about 3 GB)" >&2
    $python -m pip install --quiet --disable-pip-version-check --upgrade -r $requirements ||
        fail "pip could not install $requirements; see its message above, then run make kaggle-env again" 1
    echo "$state" >"$ready.new"
    mv "$ready.new" "$ready"
fi

echo "== build the kernel"
$python build_kernel.py
echo "== rehearse it on drawn dogs, with $seconds seconds in place of hours"
$python -m submission rehearse --limit "$seconds" --out runs/kaggle-env/images.zip
echo "== test what it carries, and how it is built and rehearsed"
# What needs Gradio, encoders or Kaggle's client is no part of a kernel, and tested in .venv alone.
set --
for name in app export video client push watch pull submit; do
    set -- "$@" "--ignore-glob=*/test_$name*"
done
$python -m pytest tests/build_kernel tests/local tests/submission "$@"
