# The programs of a release: which commit, with which tools, for which targets, compiled so that neither the place nor the
# day is in them. Sourced by script/release.

KNOWN_TARGETS=(x86_64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-gnu aarch64-unknown-linux-musl)
GLIBC=2.28 # the oldest that programs for glibc have to run on: of Debian 10, RHEL 8
WORK=$LOGS/release

# require_clean_checkout: what is released is a commit, with nothing beside it.
require_clean_checkout() {
  local changes tag
  COMMIT=$(git rev-parse --verify HEAD 2>/dev/null) || die "this is no checkout of git, and a release is made of a commit"
  changes=$(git status --porcelain)
  [[ -z $changes ]] || die "the checkout has changes that are not committed: commit or remove them first"$'\n'"$changes"
  VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
  COMMIT_DATE=$(TZ=UTC git show --no-patch --date=format-local:%Y-%m-%d --format=%cd HEAD)
  SOURCE_DATE_EPOCH=$(git show --no-patch --format=%ct HEAD)
  export SOURCE_DATE_EPOCH
  tag=$(git tag --points-at HEAD --list 'v[0-9]*' | head -n 1)
  if [[ -z $tag ]]; then
    note "release: $COMMIT has no tag, so these files are of no release"
    return
  fi
  [[ $tag == "v$VERSION" ]] || die "the tag is $tag, and the version in Cargo.toml is $VERSION: they have to be the same"
  grep -q "^## $VERSION\b" CHANGELOG.md || die "CHANGELOG.md has no section for $VERSION"
}

# require_targets: those of this machine come first, for its program writes the papers.
require_targets() {
  local target here=() others=()
  if ((${#TARGETS[@]} == 0)); then
    TARGETS=("${KNOWN_TARGETS[@]}")
    [[ $CHECK == false ]] || TARGETS=("$(uname -m)-unknown-linux-gnu")
  fi
  for target in "${TARGETS[@]}"; do
    [[ " ${KNOWN_TARGETS[*]} " == *" $target "* ]] || die "there is no target $target; there are ${KNOWN_TARGETS[*]}"
    if [[ $target == "$(uname -m)"-* ]]; then here+=("$target"); else others+=("$target"); fi
  done
  ((${#here[@]} > 0)) || die "name a target of this machine, too: its program tells manual pages and completions"
  TARGETS=("${here[@]}" "${others[@]}")
}

# prepare_rust: another compiler makes other bytes, so each release says which one it is made with.
prepare_rust() {
  local version
  version=$(tool_version rustc)
  [[ $(rustc --version) != "rustc $version "* ]] || return 0
  have_command rustup || die "releases are made with Rust $version, here is $(rustc --version), and rustup is missing"
  note "release: fetching Rust $version"
  quietly rustup-toolchain rustup toolchain install "$version" --profile minimal
  export RUSTUP_TOOLCHAIN=$version
}

prepare_release_tools() {
  want_build_tools
  want_command python3
  python3 -c 'import ensurepip' 2>/dev/null || want python3-venv
  want_command readelf binutils
  want_command xz xz-utils
  want_command dpkg-deb dpkg
  [[ -z $KEY && $CHECK == false ]] || want_command minisign
  install_wanted
  prepare_python_tools
  prepare_cargo_tool cargo-auditable
  prepare_cargo_tool cargo-cyclonedx
  prepare_cargo_tool cargo-deb
  add_targets
}

# A target whose standard library cannot be had is left out, and said so.
add_targets() {
  local target had=()
  for target in "${TARGETS[@]}"; do
    if [[ -d $(rustc --print sysroot)/lib/rustlib/$target/lib ]] ||
      attended into_log "$LOGS/rustup-$target.log" rustup target add "$target"; then
      had+=("$target")
    else
      note "release: no files for $target: Rust's library for it cannot be had (see $LOGS/rustup-$target.log)"
    fi
  done
  TARGETS=("${had[@]}")
  [[ ${TARGETS[0]:-} == "$(uname -m)"-* ]] || die "Rust's library for no target of this machine can be had"
}

# prepare_source: a clone, so that nothing else of this directory gets into a release.
prepare_source() {
  SOURCE=$WORK/source
  rm -rf "$SOURCE"
  [[ $PROFILE == dev ]] || rm -rf "$WORK/target"
  mkdir -p "$WORK"
  quietly release-clone git clone --quiet --no-checkout "$ROOT" "$SOURCE"
  quietly release-checkout git -C "$SOURCE" checkout --quiet --detach "$COMMIT"
  # Later steps see crates of all systems, and ask no network.
  quietly release-fetch in_source cargo fetch --locked
}

in_source() { (cd "$SOURCE" && "$@"); }

# build_program TARGET: leaves it at program_of TARGET.
build_program() {
  local wanted=$1
  [[ $1 != *-gnu ]] || wanted+=.$GLIBC
  quietly "release-$1" in_source in_plain_environment cargo auditable zigbuild --package kozmic --bin kozmic --locked \
    --profile "$PROFILE" --target "$wanted"
}

program_of() { echo "$WORK/target/$1/${PROFILE/#dev/debug}/kozmic"; }

# in_plain_environment COMMAND…: without whatever flags, wrappers and profiles this shell has; every path of this machine
# that would get into a program is another, which is the same everywhere.
in_plain_environment() (
  local name cargo_home=${CARGO_HOME:-$HOME/.cargo} rust
  while read -r name; do
    [[ $name == CARGO_HOME ]] || unset "$name"
  done < <(compgen -e | grep -E '^(CARGO|RUSTC|RUSTFLAGS|RUSTDOCFLAGS|(HOST_|TARGET_)?(CC|CXX|AR|CFLAGS|CXXFLAGS|LDFLAGS)(_|$)|ZIG)' || true)
  rust=$(rustc --print sysroot)/lib/rustlib/src/rust
  export CARGO_TARGET_DIR=$WORK/target CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=false
  export CARGO_ZIGBUILD_CACHE_DIR=$WORK/zigbuild ZIG_GLOBAL_CACHE_DIR=$WORK/zig ZIG_LOCAL_CACHE_DIR=$WORK/zig
  export BUILT_FROM_COMMIT=$COMMIT BUILT_FROM_DATE=$COMMIT_DATE
  export RUSTFLAGS="--remap-path-prefix=$SOURCE=/kozmic --remap-path-prefix=$WORK=/build \
--remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$rust=/rust"
  export TARGET_CFLAGS="-ffile-prefix-map=$WORK=/build -ffile-prefix-map=$cargo_home=/cargo"
  exec "$@"
)

# examine_program TARGET: what it claims about the machines that it runs on, and about where it was made, is so.
examine_program() {
  local program highest place
  program=$(program_of "$1")
  for place in "$WORK" "$ROOT" "${CARGO_HOME:-$HOME/.cargo}"; do
    ! grep -qF "$place/" "$program" || die "the program for $1 has the path $place in it"
  done
  if [[ $1 == *-musl ]]; then
    ! readelf --dynamic --wide "$program" | grep -q NEEDED || die "the program for $1 needs libraries of the system"
    note "release: $1 needs no library of the system"
    return
  fi
  highest=$(readelf --version-info --wide "$program" | grep -o 'GLIBC_[0-9.]*' | sort --version-sort --unique | tail -n 1)
  note "release: $1 needs $highest at most"
  [[ $(printf '%s\n' "$highest" "GLIBC_$GLIBC" | sort --version-sort | tail -n 1) == "GLIBC_$GLIBC" ]] ||
    die "the program for $1 needs $highest, and was to need GLIBC_$GLIBC at most"
}
