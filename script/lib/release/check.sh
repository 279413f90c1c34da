# The check of a release: made twice and compared, verified as its users verify it, and tried. Sourced by script/release.

source script/lib/steps.sh

# prepare_check: before anything is made, so that no step is left out for want of an engine.
prepare_check() {
  want_base_image_tools
  want_command objcopy binutils
  if [[ " ${TARGETS[*]} " == *" aarch64-"* && $(uname -m) != aarch64 ]]; then
    want_command qemu-aarch64-static qemu-user-static
    want_file /usr/aarch64-linux-gnu/lib/libc.so.6 libc6-arm64-cross
  fi
  install_wanted
  prepare_engine
  prepare_base_image
}

check_release() {
  ELSEWHERE=$(mktemp --directory /var/tmp/kozmic-release.XXXXXX)
  UNPACKED=$ELSEWHERE/kozmic-$VERSION-${TARGETS[0]}
  CONTAINER=kozmic-release-$$
  at_exit remove_elsewhere
  at_exit report_steps
  try "made again elsewhere" made_again
  try "same bytes" same_bytes
  try "signature and sums" signature_and_sums
  try "bill of parts" bill_of_parts
  try "tarball" tarball_is_whole
  try "an old glibc" on_an_old_glibc
  try "other machines" other_machines_programs_start
  try "package" package_installs
  try "a build" builds_with_it
  try "image" image_starts
  ((FAILED_CODE == 0)) || die "the release is not as it has to be: $FAILED_STEP"
}

# try NAME FUNCTION: a step that ends with its first command that fails.
try() {
  local code=0
  begin "$1"
  spawn "$2"
  await "$SPAWNED" || code=$?
  finish "$code"
}

remove_elsewhere() {
  docker rm --force "$CONTAINER" >/dev/null 2>&1 || true
  as_root rm -rf --one-file-system "$ELSEWHERE"
}

# made_again: from a clone, with Cargo's own directory in another place, too.
# shellcheck disable=SC2153 # ROOT is of common.sh
made_again() {
  local home=$ELSEWHERE/another-home
  git clone --quiet --no-checkout "$ROOT" "$ELSEWHERE/kozmic"
  git -C "$ELSEWHERE/kozmic" checkout --quiet --detach "$COMMIT"
  mkdir "$home"
  ln -s "${CARGO_HOME:-$HOME/.cargo}/registry" "$home/registry"
  env -u CARGO_TARGET_DIR CARGO_HOME="$home" RELEASE_TOOLS="$TOOLS" RELEASE_KEY= \
    "$ELSEWHERE/kozmic/script/release" --profile "$PROFILE" --target "${TARGETS[0]}" "$ELSEWHERE/files"
}

# same_bytes: but for the image, whose packages may have changed meanwhile.
same_bytes() {
  local file same=0 code=0
  for file in "$ELSEWHERE"/files/kozmic*; do
    if cmp "$file" "$FILES/${file##*/}"; then
      echo "the same bytes: ${file##*/}"
      same=$((same + 1))
    elif [[ $file != *-image-* ]]; then
      code=1
    fi
  done
  ((same >= 2)) && return "$code"
}

# signature_and_sums: with a key that is thrown away, as with the real one.
signature_and_sums() {
  local key=$ELSEWHERE/key signed=$ELSEWHERE/signed
  minisign -G -W -p "$key.pub" -s "$key" >/dev/null
  cp -R "$FILES" "$signed"
  rm -f "$signed/SHA256SUMS" "$signed/SHA256SUMS.minisig"
  KEY=$key sign_files "$signed"
  cmp "$signed/SHA256SUMS" "$FILES/SHA256SUMS"
  (cd "$signed" && minisign -V -p "$key.pub" -m SHA256SUMS && sha256sum --check --strict SHA256SUMS)
  echo "x" >>"$signed/SHA256SUMS"
  if minisign -V -p "$key.pub" -m "$signed/SHA256SUMS" >/dev/null 2>&1; then
    echo "sums that were changed are still taken"
    return 1
  fi
}

# bill_of_parts: it has the form of CycloneDX, and names every part that the program itself tells.
bill_of_parts() {
  local bill=$FILES/kozmic-$VERSION-${TARGETS[0]}.cdx.json
  python3 -m venv "$ELSEWHERE/python"
  "$ELSEWHERE/python/bin/pip" --quiet --disable-pip-version-check install \
    --requirement script/lib/release/cyclonedx.txt
  "$ELSEWHERE/python/bin/python" script/lib/release/bill.py "$bill" "$(program_of "${TARGETS[0]}")"
}

tarball_is_whole() {
  local name=kozmic-$VERSION-${TARGETS[0]}
  tar --extract --file "$FILES/$name.tar.gz" --directory "$ELSEWHERE"
  [[ $("$UNPACKED/kozmic" --version) == "kozmic $VERSION (${COMMIT:0:7} $COMMIT_DATE)" ]]
  (cd "$UNPACKED" && test -s LICENCES.txt && test -s man/kozmic-serve.1.gz && test -s completions/kozmic.zsh &&
    grep -q /usr/local/bin/kozmic kozmic.service && grep -q /usr/local/bin/kozmic kozmic-runner.service)
}

# on_an_old_glibc: Debian 10, whose glibc is 2.28, from Debian's archive; where that cannot be had, Debian 11 with 2.31.
on_an_old_glibc() {
  local root=$ELSEWHERE/old
  if old_debian "$root" buster http://archive.debian.org/debian \
    /usr/share/keyrings/debian-archive-removed-keys.gpg; then
    :
  elif old_debian "$root" bullseye "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" \
    /usr/share/keyrings/debian-archive-keyring.gpg; then
    echo "Debian 10 cannot be had from archive.debian.org; Debian 11 is tried in its place"
  else
    echo "left out: neither Debian 10 nor 11 can be had (see $LOGS/old-debian.log)"
    return
  fi
  as_root cp "$UNPACKED/kozmic" "$root/usr/local/bin/"
  as_root chroot "$root" ldd --version | head -n 1
  as_root chroot "$root" kozmic --version
}

old_debian() {
  as_root rm -rf --one-file-system "$1"
  as_root debootstrap --variant=minbase --keyring="$4" "$2" "$1" "$3" >"$LOGS/old-debian.log" 2>&1
}

# other_machines_programs_start: in an emulator, which is no proof of more.
other_machines_programs_start() {
  local target name
  for target in "${TARGETS[@]}"; do
    name=kozmic-$VERSION-$target
    tar --extract --file "$FILES/$name.tar.gz" --directory "$ELSEWHERE"
    if [[ $target == "$(uname -m)"-* ]]; then
      "$ELSEWHERE/$name/kozmic" --version
    elif [[ $target == aarch64-* ]]; then
      qemu-aarch64-static -L /usr/aarch64-linux-gnu "$ELSEWHERE/$name/kozmic" --version
    else
      echo "left out, nothing here runs a program for $target"
    fi
  done
}

# package_installs: into the base image of jobs, which is a small Debian.
package_installs() {
  local package
  package=$(find "$FILES" -name "kozmic_*_$(dpkg --print-architecture).deb")
  docker run --detach --init --name "$CONTAINER" kozmic/debian:bookworm sleep infinity
  docker cp "$package" "$CONTAINER:/kozmic.deb"
  docker exec "$CONTAINER" dpkg --install /kozmic.deb
  docker exec "$CONTAINER" kozmic --version
  docker exec "$CONTAINER" grep -c '' /usr/share/doc/kozmic/copyright
  docker exec "$CONTAINER" dpkg --purge kozmic
}

# builds_with_it: a push, beside the double of GitHub.
builds_with_it() {
  cargo build --quiet --locked --package kozmic-testkit --bin kozmic-demo
  "$(program kozmic-demo)" --once --kozmic "$UNPACKED/kozmic" --docker-url "$DOCKER_HOST"
}

image_starts() {
  local archive tag
  archive=$(find "$FILES" -name "*-image-*.tar")
  if [[ -z $archive ]]; then
    echo "left out: there is no image"
    return
  fi
  tag=$(docker load --input "$archive" | sed -n 's/^Loaded image: //p' | head -n 1)
  [[ $(docker run --rm "$tag" --version) == "kozmic $VERSION (${COMMIT:0:7} $COMMIT_DATE)" ]]
  docker image rm "$tag" >/dev/null
}
