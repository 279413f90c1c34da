# The base image of jobs, kozmic/debian:bookworm, made on this machine without a registry.
#
# debootstrap writes a small Debian into a temporary directory, finish_root_file_system adds what a
# job needs (the user kozmic, password-less sudo, the locale C.UTF-8) and takes away what it does
# not (manuals, translations, package lists), and `docker import` makes it an image. Only this last
# step can be seen from outside, and it is one step: an interruption leaves no image or a whole one.
# Sourced; needs common.sh, packages.sh and engine.sh.

BASE_IMAGE=kozmic/debian:bookworm
BASE_SUITE=bookworm
BASE_PACKAGES=bash,sudo,git,openssh-client,ca-certificates
BASE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
BASE_MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# On disk: /tmp is often small, or mounted so that no system can be written into it.
BASE_DIRECTORY=/var/tmp/kozmic-base-image

# prepare_base_image: after it, the engine has the image.
prepare_base_image() {
  if docker image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
    note "base image: $BASE_IMAGE is there"
    return
  fi
  local started=$SECONDS root=$BASE_DIRECTORY.$$
  remove_abandoned_roots
  at_exit remove_root_file_system
  note "base image: debootstrap writes Debian $BASE_SUITE (half a minute, log in $LOGS/debootstrap.log)"
  write_root_file_system "$root"
  note "base image: adding the user kozmic, leaving out what no job reads"
  quietly base-image finish_root_file_system "$root"
  note "base image: importing it"
  quietly docker-import import_root_file_system "$root"
  remove_root_file_system
  note "base image: $BASE_IMAGE made in $((SECONDS - started)) s"
}

write_root_file_system() {
  local keyring=() proxy
  [[ ! -e $BASE_KEYRING ]] || keyring=(--keyring="$BASE_KEYRING")
  # A machine that fetches packages through a proxy fetches these through it as well.
  proxy=${http_proxy:-$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null | sed "s/^proxy='\(.*\)'$/\1/")}
  as_root mkdir -p "$1"
  quietly debootstrap as_root env ${proxy:+http_proxy="$proxy"} \
    debootstrap --variant=minbase --include="$BASE_PACKAGES" "${keyring[@]}" "$BASE_SUITE" "$1" "$BASE_MIRROR"
}

finish_root_file_system() {
  as_root chroot "$1" /bin/bash -euo pipefail -c "$FINISH" finish "$BASE_SUITE"
}

# Runs inside the new system. The exclusions also hold for what a job installs later.
FINISH=$(
  cat <<'END'
useradd --create-home --shell /bin/bash --uid 1000 --user-group kozmic
echo 'kozmic ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/kozmic
chmod 0440 /etc/sudoers.d/kozmic

cat >/etc/apt/sources.list <<LIST
deb http://deb.debian.org/debian $1 main
deb http://deb.debian.org/debian $1-updates main
deb http://deb.debian.org/debian-security $1-security main
LIST
cat >/etc/apt/apt.conf.d/90kozmic <<'CONFIGURATION'
Acquire::Languages "none";
CONFIGURATION
cat >/etc/dpkg/dpkg.cfg.d/90kozmic <<'CONFIGURATION'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
CONFIGURATION

find /usr/share/doc -not -type d -not -name copyright -delete
find /usr/share/doc -depth -type d -empty -delete
find /usr/share/info /usr/share/man /usr/share/locale -mindepth 1 -not -name locale.alias -delete
find /var/log /var/lib/apt/lists -type f -delete
find /var/cache -type f -delete
rm -f /var/lib/dpkg/*-old /etc/hostname /etc/resolv.conf
END
)

import_root_file_system() {
  as_root tar --create --numeric-owner --one-file-system --directory "$1" . |
    docker import \
      --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
      --change 'ENV LANG=C.UTF-8' \
      --change 'CMD ["/bin/bash"]' \
      --message "debootstrap --variant=minbase $BASE_SUITE" \
      - "$BASE_IMAGE"
}

remove_root_file_system() { remove_root "$BASE_DIRECTORY.$$"; }

# Removes the roots that a killed run left behind; the name ends with that run's process id.
remove_abandoned_roots() {
  local root
  for root in "$BASE_DIRECTORY".*; do
    [[ ! -d $root || -d /proc/${root##*.} ]] || remove_root "$root"
  done
}

# The mounts that debootstrap left there go first, so that nothing of the machine's is removed.
remove_root() {
  local mounted
  while read -r mounted; do
    as_root umount --lazy "$mounted" || return
  done < <(awk -v root="$1/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort --reverse)
  as_root rm -rf --one-file-system "$1"
}
