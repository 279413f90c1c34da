# Steps of a longer run: each is announced and timed, all are run, and the report at the end names
# the first one that failed. Sourced; needs common.sh.

STEP_LINES=()
STEP=            # the name of the step that runs
STEP_STARTED=0
FAILED_STEP=     # the first one that failed, with its exit code
FAILED_CODE=0

# begin NAME and finish CODE: around what must run in this shell itself.
begin() {
  STEP=$1 STEP_STARTED=$SECONDS
  printf '\n═══ %s\n' "$STEP"
}

finish() {
  local result=ok
  if (($1 != 0)); then
    result="failed ($1)"
    if [[ -z $FAILED_STEP ]]; then FAILED_STEP=$STEP FAILED_CODE=$1; fi
  fi
  STEP_LINES+=("$(printf '%-28s %5d s   %s' "$STEP" $((SECONDS - STEP_STARTED)) "$result")")
  printf '─── %s: %s after %d s\n' "$STEP" "$result" $((SECONDS - STEP_STARTED))
  STEP=
}

# step NAME COMMAND…: a whole step; its failure is noted and the next ones still run.
step() {
  local code=0
  begin "$1"
  shift
  attended "$@" || code=$?
  finish "$code"
}

# skip NAME WHY: a step that cannot be done here; the report says so.
skip() {
  printf '\n═══ %s: left out, %s\n' "$1" "$2"
  STEP_LINES+=("$(printf '%-28s %7s   left out, %s' "$1" - "$2")")
}

# report_steps: the table and the first failure. A step that the script died in counts as failed.
report_steps() {
  [[ -z $STEP ]] || finish "${EXIT_CODE:-1}"
  printf '\n═══ %s\n' "${0##*/}"
  printf '%s\n' "${STEP_LINES[@]}"
  printf '%-28s %5d s\n' "all" "$SECONDS"
  [[ -z $FAILED_STEP ]] || printf '\nFirst failure: %s, exit code %d\n' "$FAILED_STEP" "$FAILED_CODE"
}
