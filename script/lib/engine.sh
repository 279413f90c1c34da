# The Docker engine. One that answers is used and left alone. If none does, dockerd is installed
# and started by hand, and the last script that uses it stops exactly that process by its id.
#
# Two locks below ENGINE_STATE let scripts run side by side: `start` (descriptor 8, held for a
# moment) so that only one of them starts or stops the engine, `users` (descriptor 9, shared) so
# that nobody stops what another still uses. dockerd's own pid file says that the engine is ours.
# Sourced; needs common.sh and packages.sh.

ENGINE_SOCKET=/var/run/docker.sock
ENGINE_EXEC_ROOT=/var/run/docker
ENGINE_STATE=/var/run/kozmic-engine
ENGINE_PATIENCE=60 # seconds until an engine that was started must answer
ENGINE_ARGUMENTS=() # further arguments for dockerd

# want_engine: the packages for it, which depend on whether an engine answers already.
want_engine() {
  if ! have_command docker && [[ -S $ENGINE_SOCKET || -n ${DOCKER_HOST:-} ]]; then
    want_docker_client
    install_wanted
  fi
  if [[ -z $(answering_engine) ]]; then
    want_command dockerd docker.io
    want_command iptables
    have_command docker || want_docker_client
    # Without its parser the engine cannot load its profile where the kernel enforces AppArmor.
    [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) != Y ]] || want_command apparmor_parser apparmor
  fi
}

# The client is a package of its own in newer releases, and part of docker.io in older ones.
want_docker_client() {
  apt_update
  if apt-cache show docker-cli >/dev/null 2>&1; then want docker-cli; else want docker.io; fi
}

# prepare_engine: after it, DOCKER_HOST names an engine that answers.
prepare_engine() {
  local url
  url=$(answering_engine)
  if [[ -n $url ]] && ! engine_is_ours; then
    use_engine "$url"
    return
  fi
  lock_engine_start
  url=$(answering_engine)
  [[ -n $url ]] || { start_engine && url=unix://$ENGINE_SOCKET; }
  exec 9<"$ENGINE_STATE/users"
  flock --shared 9
  exec 8<&-
  at_exit release_engine
  use_engine "$url"
}

use_engine() {
  export DOCKER_HOST=$1
  note "engine: Docker $(docker version --format '{{.Server.Version}}') at $DOCKER_HOST"
}

# answering_engine: the address of the engine that answers, or nothing.
answering_engine() {
  have_command docker || return 0
  local url
  for url in "${DOCKER_HOST:-}" "unix://$ENGINE_SOCKET"; do
    if [[ -n $url ]] && engine_answers "$url"; then
      echo "$url"
      return
    fi
  done
}

engine_answers() {
  DOCKER_HOST=$1 timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

engine_pid() { cat "$ENGINE_STATE/dockerd.pid" 2>/dev/null || true; }

engine_is_ours() { is_process "$(engine_pid)" dockerd; }

lock_engine_start() {
  if [[ ! -e $ENGINE_STATE/users ]]; then
    as_root mkdir -p "$ENGINE_STATE"
    as_root touch "$ENGINE_STATE/start" "$ENGINE_STATE/users"
  fi
  exec 8<"$ENGINE_STATE/start"
  flock 8
}

# ── Start ────────────────────────────────────────────────────────────────────────────────────────

start_engine() {
  refuse_an_engine_without_rights
  if start_engine_as_service || await_starting_engine; then return; fi
  remove_dead_pid_files
  local driver
  for driver in overlay2 vfs; do
    if start_dockerd "$driver"; then return; fi
    grep -q 'graphdriver\|storage-driver\|overlay' "$LOGS/dockerd.log" || break
  done
  tail -n 15 "$LOGS/dockerd.log" >&2
  die "the Docker engine does not start; its whole log is in $LOGS/dockerd.log"
}

# An engine that answers root but not us needs a decision that is not ours to make.
refuse_an_engine_without_rights() {
  [[ $(id -u) -ne 0 && -S $ENGINE_SOCKET && ! -w $ENGINE_SOCKET ]] || return 0
  as_root env DOCKER_HOST="unix://$ENGINE_SOCKET" timeout 10 docker version >/dev/null 2>&1 || return 0
  die "the Docker engine at $ENGINE_SOCKET refuses $(id -un): add yourself to its group" \
    "(sudo usermod -aG docker $(id -un), then sign in again), or run this as root"
}

# The package has brought a service if systemd runs; it is the machine's, so nobody stops it.
start_engine_as_service() {
  [[ -d /run/systemd/system && $ENGINE_SOCKET == /var/run/docker.sock ]] || return 1
  note "engine: starting the service docker"
  as_root systemctl start docker || return 1
  engine_answers "unix://$ENGINE_SOCKET" || refuse_an_engine_without_rights
  await_engine ""
}

# A dockerd of somebody else that is just coming up.
await_starting_engine() {
  local pid
  [[ $ENGINE_SOCKET == /var/run/docker.sock ]] || return 1
  pid=$(cat /var/run/docker.pid 2>/dev/null || true)
  is_process "$pid" dockerd || return 1
  note "engine: waiting for dockerd (process $pid)"
  await_engine "$pid" || die "dockerd (process $pid) runs, but does not answer at $ENGINE_SOCKET"
}

# After a kill or a power cut the files remain, and their numbers may belong to others by now, which
# dockerd would take for itself.
remove_dead_pid_files() {
  local file pid
  for file in "$ENGINE_STATE/dockerd.pid" "$ENGINE_EXEC_ROOT/containerd/containerd.pid"; do
    pid=$(as_root cat "$file" 2>/dev/null || true)
    [[ -z $pid ]] || is_process "$pid" "$(basename "$file" .pid)" || as_root rm -f "$file"
  done
}

start_dockerd() {
  local driver=(--storage-driver "$1") group=()
  ! grep -qs '"storage-driver"' /etc/docker/daemon.json || driver=()
  [[ $(id -u) -eq 0 ]] || group=(--group "$(id -g)")
  note "engine: starting dockerd with $1 (log in $LOGS/dockerd.log)"
  # A process group of its own, so that Ctrl-C at the terminal does not reach it before its users.
  set -m
  as_root dockerd --host "unix://$ENGINE_SOCKET" --pidfile "$ENGINE_STATE/dockerd.pid" \
    --exec-root "$ENGINE_EXEC_ROOT" "${driver[@]}" "${group[@]}" "${ENGINE_ARGUMENTS[@]}" \
    </dev/null >"$LOGS/dockerd.log" 2>&1 8<&- 9<&- &
  set +m
  await_engine $! || {
    stop_dockerd
    return 1
  }
}

# await_engine PID: waits until the engine answers; gives up early if the process has gone.
await_engine() {
  local deadline=$((SECONDS + ENGINE_PATIENCE))
  until engine_answers "unix://$ENGINE_SOCKET"; do
    if ((SECONDS >= deadline)) || [[ -n $1 && ! -d /proc/$1 ]]; then return 1; fi
    sleep 0.3
  done
}

# ── Stop ─────────────────────────────────────────────────────────────────────────────────────────

# release_engine: the last user of an engine of ours stops it.
release_engine() {
  exec 8<"$ENGINE_STATE/start"
  flock 8
  if ! flock --exclusive --nonblock 9; then
    note "engine: another script uses it, it stays"
  elif engine_is_ours; then
    note "engine: stopping dockerd (process $(engine_pid))"
    stop_dockerd
  fi
  exec 8<&- 9<&-
}

# Stops dockerd, and the containerd that it started, should that one stay behind.
stop_dockerd() {
  local pid containerd
  pid=$(engine_pid)
  containerd=$(as_root cat "$ENGINE_EXEC_ROOT/containerd/containerd.pid" 2>/dev/null || true)
  stop_process "$pid" dockerd
  stop_process "$containerd" containerd
  as_root rm -f "$ENGINE_STATE/dockerd.pid"
}

# stop_process PID NAME: SIGTERM, half a minute of patience, SIGKILL.
stop_process() {
  is_process "$1" "$2" || return 0
  as_root kill -TERM "$1" || true
  local deadline=$((SECONDS + 30))
  while is_process "$1" "$2" && ((SECONDS < deadline)); do sleep 0.2; done
  ! is_process "$1" "$2" || as_root kill -KILL "$1" || true
}
