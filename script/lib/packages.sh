# Packages of the distribution (Debian, Ubuntu): what is there stays as it is, what is missing is
# installed in one go. Say what is wanted first (want_command, want_file), then install_wanted.
# Sourced; needs common.sh.

WANTED=()
INSTALLED=()         # what this run has installed
UNWANTED_SERVICES=() # services of packages that are wanted for their programs only

want() {
  [[ " ${WANTED[*]} " == *" $1 "* ]] || WANTED+=("$1")
}

# want_command COMMAND [PACKAGE]: the package is wanted if the command is missing.
want_command() { have_command "$1" || want "${2:-$1}"; }

# want_file PATH PACKAGE: the package is wanted if the file is missing.
want_file() { [[ -e $1 ]] || want "$2"; }

# want_build_tools: what Cargo needs to link, and to compile the C code of SQLite and ring.
want_build_tools() {
  want_command cc gcc
  want_file /usr/include/stdio.h libc6-dev
  want_command git
}

# want_base_image_tools: what base-image.sh calls.
want_base_image_tools() {
  want_command debootstrap
  want_file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
  want_command tar
}

# want_browser: the browsers of the tests, and the driver of one. Debian has all as packages; Ubuntu
# hands these names on to snap.
want_browser() {
  if [[ $(distribution) == ubuntu ]]; then
    have_command chromium || want_command chromium-browser
    want_command chromedriver chromium-chromedriver
    have_command firefox-esr || want_command firefox
  else
    want_command chromium
    want_command chromedriver chromium-driver
    have_command firefox || want_command firefox-esr
  fi
}

distribution() { (. /etc/os-release 2>/dev/null && echo "${ID:-unknown}") || echo unknown; }

# want_test_servers: the servers that the tests start by themselves, each on a port of its own. Their services
# stay off: a machine that runs tests does not become a mail or database server.
want_test_servers() {
  want_server docker-registry docker-registry docker-registry.service
  want_command htpasswd apache2-utils
  want_server sshd openssh-server ssh.service ssh.socket
  want_command ssh openssh-client
  want_command openssl openssl
  want_database_servers
  want_server pgbouncer pgbouncer pgbouncer.service
  want_file /usr/lib/python3/dist-packages/aiosmtpd python3-aiosmtpd
  want_server dockerd docker.io docker.service docker.socket
  want_command ip iproute2
  want_command jq # which a page's command calls, as the one for rules calls iptables
  want_command iptables
  want_command systemd-analyze systemd # which reads the unit in docs/install.md; nothing of it runs
}

# want_server COMMAND PACKAGE SERVICE…: like want_command, and the services shall not run.
want_server() {
  have_command "$1" || UNWANTED_SERVICES+=("${@:3}")
  want_command "$1" "$2"
}

want_database_servers() {
  want_postgres
  want_server mariadbd mariadb-server mariadb.service
}

# want_postgres: PostgreSQL's server, whose programs stand in a directory of their version, outside of the path. Its
# package makes an empty cluster in /var/lib/postgresql, which takes 40 MB and stays off as its service does.
want_postgres() {
  ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || return 0
  UNWANTED_SERVICES+=(postgresql.service)
  want postgresql
}

# install_wanted: installs what was wanted; asks the network only if there is something to install.
install_wanted() {
  ((${#WANTED[@]} > 0)) || return 0
  have_command apt-get || die "please install ${WANTED[*]}: this is no Debian or Ubuntu, so it is not done here"
  note "packages: installing ${WANTED[*]}"
  apt_update
  keep_services_off
  quietly apt-install apt_get install --yes --no-install-recommends "${WANTED[@]}"
  let_services_on
  hash -r
  INSTALLED+=("${WANTED[@]}")
  WANTED=()
}

# ── Services ─────────────────────────────────────────────────────────────────────────────────────
# Debian starts a package's service when it is installed, unless this file says no. Ours says so in
# its second line, so that the next script removes one that a killed script has left behind.

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='# Put here by a script of Kozmic while it installs packages; remove it.'

keep_services_off() {
  ((${#UNWANTED_SERVICES[@]} > 0)) || return 0
  remove_policy
  [[ ! -e $POLICY ]] || return 0
  at_exit remove_policy
  printf '%s\n' '#!/bin/sh' "$POLICY_MARK" 'exit 101' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

# Neither now nor at the next start of the machine.
let_services_on() {
  local service
  remove_policy
  for service in "${UNWANTED_SERVICES[@]}"; do
    [[ ! -d /run/systemd/system ]] || as_root systemctl disable --quiet "$service" 2>/dev/null || true
  done
  UNWANTED_SERVICES=()
}

remove_policy() {
  ! grep -qsF "$POLICY_MARK" "$POLICY" || as_root rm -f "$POLICY"
}

# Lists of packages are fetched once a run. An address that fails is no reason to give up: what is
# wanted may come from another one, and if not, the installation says so.
APT_UPDATED=false
apt_update() {
  [[ $APT_UPDATED == false ]] || return 0
  attended into_log "$LOGS/apt-update.log" apt_get update ||
    note "packages: apt-get update had trouble (see $LOGS/apt-update.log), going on"
  APT_UPDATED=true
}

# Asks nothing, restarts nothing by itself, and waits for another apt instead of failing.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get --quiet -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    -o Dpkg::Options::=--force-confold "$@"
}
