# The files of a release, made of its programs. Sourced by script/release.

# make_all_files: into a directory of their own, which takes the place of the old one when all are there.
make_all_files() {
  local target new=$FILES.new
  rm -rf "$new"
  mkdir -p "$new"
  for target in "${TARGETS[@]}"; do
    note "release: compiling for $target"
    build_program "$target"
    examine_program "$target"
    make_files "$target" "$new"
  done
  make_image "$new"
  sign_files "$new"
  rm -rf "$FILES"
  mv "$new" "$FILES"
}

# make_files TARGET DIRECTORY: the tarball, the bill and the package.
make_files() {
  local papers=$WORK/papers/$1
  rm -rf "$papers"
  in_source make_papers "$(program_of "${TARGETS[0]}")" "$papers" || die "the program cannot tell its own papers"
  in_source make_licences "$1" "$papers" || die "the licences of what the program for $1 is made of cannot be told"
  make_tarball "$1" "$papers" "$2/kozmic-$VERSION-$1.tar.gz"
  make_bill "$1" "$2/kozmic-$VERSION-$1.cdx.json"
  [[ $1 == *-musl ]] || make_package "$1" "$papers" "$2"
}

# make_tarball TARGET PAPERS FILE: nothing in it depends on the day, the place, the order of files or their owner.
make_tarball() {
  local name=kozmic-$VERSION-$1 tree=$WORK/tree unit
  rm -rf "$tree"
  mkdir -p "$tree/$name"
  cp "$(program_of "$1")" "$tree/$name/kozmic"
  cp -R "$2/completions" "$2/man" "$2/LICENCES.txt" "$tree/$name/"
  in_source cp LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md kozmic.example.toml "$tree/$name/"
  for unit in kozmic.service kozmic-runner.service; do
    sed 's|/usr/bin/kozmic|/usr/local/bin/kozmic|' "$SOURCE/packaging/$unit" >"$tree/$name/$unit"
  done
  tar --create --directory "$tree" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
    --numeric-owner --mode=u=rwX,go=rX "$name" | gzip --no-name --best >"$3"
}

# make_bill TARGET FILE: the parts of the program and their licences, in CycloneDX's form.
make_bill() {
  quietly release-bill in_source cargo cyclonedx --manifest-path crates/kozmic/Cargo.toml --format json --describe binaries \
    --target "$1" --spec-version 1.5
  sed "s|path+file://$SOURCE/|path+file:///kozmic/|g" "$SOURCE/crates/kozmic/kozmic_bin.cdx.json" >"$2"
  git -C "$SOURCE" clean --quiet --force -x
}

# make_package TARGET PAPERS DIRECTORY
make_package() {
  local architecture=amd64
  [[ $1 != aarch64-* ]] || architecture=arm64
  quietly release-deb in_source make_deb "$(program_of "$1")" "$2" \
    "$3/kozmic_${VERSION/-/\~}_$architecture.deb" --target "$1"
}

# make_image DIRECTORY: of this machine's program for glibc. It takes packages of the day, so its bytes may change.
make_image() {
  local target
  target=$(uname -m)-unknown-linux-gnu
  [[ " ${TARGETS[*]} " == *" $target "* ]] || return 0
  if [[ -z $(answering_engine) ]]; then
    note "release: no image of the server, for no Docker engine answers"
    return
  fi
  quietly release-image env DOCKER_HOST="$(answering_engine)" REVISION="$COMMIT" \
    "$SOURCE/docker/image" "$(program_of "$target")" "kozmic:${VERSION//+/-}" "$1/kozmic-$VERSION-image-${target%%-*}.tar"
}

# sign_files DIRECTORY: one list of sums, and a signature of that.
sign_files() {
  local names
  names=$(cd "$1" && printf '%s\n' * | LC_ALL=C sort)
  # Names are ours, without spaces.
  # shellcheck disable=SC2086
  (cd "$1" && sha256sum $names) >"$WORK/SHA256SUMS"
  mv "$WORK/SHA256SUMS" "$1/SHA256SUMS"
  if [[ -z $KEY ]]; then
    note "release: nothing is signed, for there is no key (--key FILE)"
    return
  fi
  minisign -S -s "$KEY" -m "$1/SHA256SUMS" -c "signature of Kozmic's developers" -t "kozmic $VERSION $COMMIT" >/dev/null ||
    die "the sums could not be signed with $KEY"
}

# sign_what_is_there: the files of a release that another machine made, if they came whole.
sign_what_is_there() {
  [[ -n $KEY ]] || die "--sign wants a key: --key FILE, RELEASE_KEY or RELEASE_KEY_TEXT"
  [[ -f $FILES/SHA256SUMS ]] || die "$FILES has no SHA256SUMS: name the directory in which script/release put its files"
  (cd "$FILES" && sha256sum --check --strict --quiet SHA256SUMS) || die "the files are not those that were made"
  want_command minisign
  install_wanted
  mkdir -p "$WORK"
  rm -f "$FILES"/SHA256SUMS*
  sign_files "$FILES"
  tell_files
}

tell_files() {
  note "release: kozmic $VERSION (${COMMIT:0:7} $COMMIT_DATE) is in $FILES"
  (cd "$FILES" && stat --format='%12s  %n' -- *)
}
