# The package for Debian and Ubuntu: cargo-deb makes it as crates/kozmic/Cargo.toml says. Sourced; needs common.sh,
# packages.sh and tools.sh.

# make_deb PROGRAM PAPERS FILE [ARGUMENTS OF CARGO-DEB…]: the program and its papers lie where Cargo would have put them, in a
# directory of this package's own. They are copied as they are, not compiled and not stripped.
make_deb() {
  local program=$1 papers=$2 file=$3 stage=$3.stage
  shift 3
  rm -rf "$stage"
  stage_deb "$program" "$papers" "$stage" "$@"
  # The distribution's compressor, on one thread: cargo-deb's own is as slow as it was compiled fast, and the bytes of
  # several threads depend on their number.
  XZ_DEFAULTS=--threads=1 CARGO_TARGET_DIR=$stage cargo deb --package kozmic --locked --offline --no-build --no-strip \
    --no-dbgsym --compress-system --output "$file" "$@"
  rm -rf "$stage"
}

# Cargo has a directory for each target that is named, and another one for the machine's own.
stage_deb() {
  local program=$1 papers=$2 place=$3 argument before=
  shift 3
  for argument; do
    [[ $before != --target ]] || place+=/$argument
    before=$argument
  done
  mkdir -p "$place/release"
  cp "$program" "$place/release/kozmic"
  cp -R "$papers" "$place/release/papers"
}
