# The ground that every script here stands on: notes with the time, root rights, and processes
# that never outlive the script. Sourced first, from the repository's root, under `set -euo pipefail`.

ROOT=$PWD
LOGS=${CARGO_TARGET_DIR:-$ROOT/target}/script
mkdir -p "$LOGS"

# Cargo is often known to login shells only, and dockerd and debootstrap to root's path only.
PATH=$PATH:${HOME:-/root}/.cargo/bin:/usr/local/sbin:/usr/sbin:/sbin

# note TEXT: one line of progress, after the seconds since the script started.
note() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

# die TEXT: the sentence that explains, then the end.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# help_if_asked ARGUMENTS…: with --help or -h among them, the script's own head, and the end.
help_if_asked() {
  local argument script
  for argument; do
    [[ $argument == --help || $argument == -h ]] || continue
    for script in "$ROOT"/{script,bench,docker}/"${0##*/}"; do
      [[ ! -f $script ]] || sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$script"
    done
    exit 0
  done
}

# require_engine: the end, with the engine's own words, unless one answers.
require_engine() {
  local words
  have_command docker || die "the command docker is missing: install docker.io, or docker-cli for an engine elsewhere"
  words=$(docker version --format '{{.Server.Version}}' 2>&1 >/dev/null) ||
    die "no Docker engine answers at ${DOCKER_HOST:-the address that the command docker has}: $words"
}

have_command() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND…: as it is for root, through sudo for everybody else.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif have_command sudo; then
    sudo "$@"
  else
    die "this needs root: run it as root, or install sudo"
  fi
}

# quietly NAME COMMAND…: output goes to a log file, whose end is shown if the command fails.
quietly() {
  local log=$LOGS/$1.log
  shift
  attended into_log "$log" "$@" || {
    tail -n 20 "$log" >&2
    die "$1 failed; the whole output is in $log"
  }
}

# into_log FILE COMMAND…: to be run by spawn or attended, so that only the command's output moves.
into_log() {
  local log=$1
  shift
  "$@" >"$log" 2>&1
}

# is_process PID NAME: true while a process with this id and program name lives (a zombie does not).
is_process() {
  [[ -n ${1:-} && -r /proc/$1/comm && $(<"/proc/$1/comm") == "$2" ]] &&
    ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null
}

# ── Children ─────────────────────────────────────────────────────────────────────────────────────
# Each command that takes longer runs in a process group of its own. So Ctrl-C and SIGTERM reach it
# exactly once, through `interrupted`, and it has the time to clean up before the script leaves.

CHILDREN=()

# spawn COMMAND…: starts it in the background; its id is in SPAWNED. File descriptors 8 and 9 are
# the engine's locks (engine.sh) and stay with the script.
spawn() {
  set -m
  "$@" </dev/null 8<&- 9<&- &
  SPAWNED=$!
  set +m
  CHILDREN+=("$SPAWNED")
}

# await PID: waits for a spawned command and returns its exit code.
await() {
  local code=0 child others=()
  wait "$1" || code=$?
  for child in "${CHILDREN[@]}"; do
    [[ $child == "$1" ]] || others+=("$child")
  done
  CHILDREN=("${others[@]}")
  return "$code"
}

# attended COMMAND…: runs it to its end and returns its exit code.
attended() {
  spawn "$@"
  await "$SPAWNED"
}

# finale COMMAND…: the script's last act. Its exit code is the script's, after Ctrl-C as well.
IS_FINALE=false
finale() {
  IS_FINALE=true
  attended "$@"
}

# stop_children SIGNAL: signals all of them and waits until they are gone; CHILD_CODE is the exit
# code of the last one.
stop_children() {
  local child
  signal_children "$1"
  for child in "${CHILDREN[@]}"; do
    # A further signal ends the waiting, not the child.
    while CHILD_CODE=0 && { wait "$child" 2>/dev/null || CHILD_CODE=$?; } && kill -0 "$child" 2>/dev/null; do :; done
  done
  CHILDREN=()
}

signal_children() {
  local child
  for child in "${CHILDREN[@]}"; do
    kill "-$1" -- "-$child" 2>/dev/null || as_root kill "-$1" -- "-$child" 2>/dev/null || true
  done
}

# interrupted SIGNAL CODE: hands the signal on. A second one does not wait any longer.
interrupted() {
  trap 'signal_children KILL' INT TERM HUP
  stop_children "$1"
  if [[ $IS_FINALE == true ]]; then exit "$CHILD_CODE"; fi
  exit "$2"
}

# ── The end ──────────────────────────────────────────────────────────────────────────────────────

AT_EXIT=()

# at_exit FUNCTION: calls it when the script ends, however it ends; the last one added comes first.
at_exit() { AT_EXIT+=("$1"); }

leave() {
  EXIT_CODE=$?
  trap - EXIT
  trap '' INT TERM HUP
  stop_children TERM
  local i
  for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do
    "${AT_EXIT[i]}" || true
  done
  exit "$EXIT_CODE"
}

trap leave EXIT
trap 'interrupted INT 130' INT
trap 'interrupted TERM 143' TERM HUP
