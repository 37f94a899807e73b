#!/bin/sh
# Trains on a plain list of machines over ssh: the same command on each, and Ctrl-C ends all.
# Use: tools/train_hosts.sh [OPTIONS] HOST,HOST,... TRAIN-OPTIONS
#
#     tools/train_hosts.sh ada,grace --recipe biggan --minutes 60 --out runs/big
#     tools/train_hosts.sh --processes 4 --folder /srv/dogs me@ada,me@grace --steps 20000
#
# Each machine has the project in the same folder, with its environment, and the run's folder (--out)
# lies on a drive that they share. You log in without a password.
#
#   --folder DIR     of the project on each machine (the current one)
#   --python FILE    the interpreter there (.venv/bin/python)
#   --processes K    a machine (one a GPU; without GPUs one)
#   --least N        machines that are enough to go on with after others have died (1)
#   --restarts N     how often that may happen (3)
#   --port N         on the first machine, where all meet (29400)
#   --ssh COMMAND    that is given a host and a command line (ssh -o BatchMode=yes)
#
# The first machine has to stay: the others meet there. $OMP_NUM_THREADS, $GLOO_SOCKET_IFNAME and
# $NCCL_SOCKET_IFNAME are handed on.
set -eu

fail() {
    echo "train_hosts: $1; see --help" >&2
    exit 2
}

quoted() {
    printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

whole() {
    case $2 in '' | *[!0-9]*) fail "$1 $2: not a whole number" ;; esac
}

folder=$PWD
python=.venv/bin/python
processes=
least=1
restarts=3
port=29400
ssh="ssh -o BatchMode=yes"
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set /{ /^set /d; s/^# \{0,1\}//p; }' "$0"
        exit 0
        ;;
    --folder | --python | --processes | --least | --restarts | --port | --ssh)
        [ $# -gt 1 ] || fail "$1 needs a value"
        case $1 in
        --folder) folder=$2 ;;
        --python) python=$2 ;;
        --processes) whole "$1" "$2" && processes=$2 ;;
        --least) whole "$1" "$2" && least=$2 ;;
        --restarts) whole "$1" "$2" && restarts=$2 ;;
        --port) whole "$1" "$2" && port=$2 ;;
        --ssh) ssh=$2 ;;
        esac
        shift 2
        ;;
    -*) fail "no option $1 before the hosts" ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || fail "no hosts: name them with commas between"
hosts=$(printf %s "$1" | tr ',' ' ')
shift
# shellcheck disable=SC2086 # hosts are words
set -- "$(for word in "$@"; do quoted "$word"; done)" $hosts
words=$1
shift
[ $# -gt 0 ] || fail "no hosts: name them with commas between"
[ "$least" -ge 1 ] && [ "$least" -le $# ] || fail "--least $least: there are $# hosts"

# torchrun would keep the store of the machine that led first, and look for it after its death.
environment="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"
for name in OMP_NUM_THREADS GLOO_SOCKET_IFNAME NCCL_SOCKET_IFNAME; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || environment="$environment $name=$(quoted "$value")"
done
meeting="--rdzv-backend c10d --rdzv-endpoint $(quoted "${1##*@}:$port") --rdzv-id dogs-$$"
count="import torch; print(max(1, torch.cuda.device_count()))"
[ -n "$processes" ] || processes="\$($(quoted "$python") -c $(quoted "$count"))"

# Each machine ends its torchrun when its stdin does, which all get from here: so they stop, with a
# snapshot, however this script ends. Nothing is ever written to it.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkfifo "$place/open"
exec 4<>"$place/open"
trap 'exec 4>&-' INT TERM HUP

started=
is_host=1
for host in "$@"; do
    remote="cd $(quoted "$folder") || exit 2
exec 3<&0
env $environment $(quoted "$python") -m torch.distributed.run \
--nnodes $least:$# --nproc-per-node $processes --max-restarts $restarts $meeting \
--rdzv-conf is_host=$is_host --local-addr $(quoted "${host##*@}") -m local train $words </dev/null &
run=\$!
(read -r _ <&3; kill -TERM \$run) 2>/dev/null &
watch=\$!
wait \$run
code=\$?
kill \$watch 2>/dev/null
exit \$code"
    # shellcheck disable=SC2086 # the command is words
    $ssh "$host" "$remote" <"$place/open" 4>&- &
    started="$started $!"
    is_host=0
done

worst=0
for process in $started; do
    host=$1
    shift
    while :; do # a signal ends `wait`, not what is waited for
        code=0
        wait "$process" || code=$?
        kill -0 "$process" 2>/dev/null || break
    done
    if [ "$code" -ne 0 ]; then
        echo "train_hosts: $host ended with exit code $code" >&2
        worst=$code
    fi
done
exit "$worst"
