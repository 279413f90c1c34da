# An archive of an image, written by hand: what `docker save` writes and an OCI layout in one, whose bytes depend on
# what it holds alone. Call `archive_begin DIRECTORY TIME`, `archive_layer` for each layer, `archive_config`, and
# `archive_end`. The JSON is printed as it is: its values come from the engine as JSON, or are names and digests. Sourced.

ARCHIVE_DIFF_IDS=() # digests of the layers as they are unpacked, which make the image's id
ARCHIVE_LAYERS=()   # descriptors of the layers, as the manifest has them
ARCHIVE_PATHS=()    # the layers, as `docker load` wants them named
ARCHIVE_HISTORY=()

archive_begin() {
  ARCHIVE_DIRECTORY=$1
  ARCHIVE_TIME=$(date --utc --date="@$2" +%Y-%m-%dT%H:%M:%SZ)
  # Nothing in a tar depends on the day, the place or the order of files.
  TAR=(tar --create --format=gnu --sort=name --numeric-owner "--mtime=@$2" --clamp-mtime)
  mkdir -p "$ARCHIVE_DIRECTORY/blobs/sha256"
}

# archive_layer TAR TEXT COMPRESS: takes this file as the next layer; TEXT is its line in the image's history.
archive_layer() {
  local type=layer.v1.tar file=$1
  ARCHIVE_DIFF_IDS+=("\"sha256:$(digest "$file")\"")
  if [[ $3 == true ]]; then
    gzip --no-name "-${LEVEL:-6}" "$file"
    type+=+gzip file+=.gz
  fi
  take_blob "$file"
  ARCHIVE_LAYERS+=("$(descriptor "$type")")
  ARCHIVE_PATHS+=("\"blobs/sha256/$BLOB\"")
  ARCHIVE_HISTORY+=("{\"created\":\"$ARCHIVE_TIME\",\"created_by\":\"$2\"}")
}

# archive_config PLATFORM CONFIG TAG: the rest, once all layers are there. PLATFORM are the fields of an object, CONFIG
# is an object.
archive_config() {
  local config manifest new=$ARCHIVE_DIRECTORY/new
  printf '{%s,"created":"%s","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' "$1" \
    "$ARCHIVE_TIME" "$2" "$(with_commas "${ARCHIVE_DIFF_IDS[@]}")" "$(with_commas "${ARCHIVE_HISTORY[@]}")" >"$new"
  take_blob "$new"
  config=$(descriptor config.v1+json)
  printf '[{"Config":"blobs/sha256/%s","RepoTags":["%s"],"Layers":[%s]}]' "$BLOB" "$3" \
    "$(with_commas "${ARCHIVE_PATHS[@]}")" >"$ARCHIVE_DIRECTORY/manifest.json"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$config" "$(with_commas "${ARCHIVE_LAYERS[@]}")" >"$new"
  take_blob "$new"
  manifest=$(descriptor manifest.v1+json ",\"platform\":{$1},\"annotations\":{
    \"io.containerd.image.name\":\"$(whole_name "$3")\",\"org.opencontainers.image.ref.name\":\"${3##*:}\"}")
  printf '{"schemaVersion":2,"manifests":[%s]}' "$manifest" >"$ARCHIVE_DIRECTORY/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$ARCHIVE_DIRECTORY/oci-layout"
}

# archive_end FILE: the archive of all that.
archive_end() {
  find "$ARCHIVE_DIRECTORY" -exec touch --date="$ARCHIVE_TIME" {} +
  "${TAR[@]}" --owner=0 --group=0 --mode=a=rX,u+w --directory "$ARCHIVE_DIRECTORY" --file "$1" \
    blobs index.json manifest.json oci-layout
}

digest() { sha256sum "$1" | cut -d' ' -f1; }

# take_blob FILE: moves it to its place; BLOB is its digest, and SIZE its bytes.
take_blob() {
  SIZE=$(stat --format=%s "$1")
  BLOB=$(digest "$1")
  mv "$1" "$ARCHIVE_DIRECTORY/blobs/sha256/$BLOB"
}

# descriptor TYPE [FIELDS]: the last blob, as others name it.
descriptor() {
  printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s%s}' "$1" "$BLOB" "$SIZE" "${2:-}"
}

# whole_name TAG: with the registry and the folder that Docker means where none is said.
whole_name() {
  local registry=${1%%/*}
  [[ $1 == */* ]] || registry=docker.io/library/$1
  case $registry in
    docker.io/library/*) printf '%s' "$registry" ;;
    localhost | *[.:]*) printf '%s' "$1" ;;
    *) printf 'docker.io/%s' "$1" ;;
  esac
}

with_commas() {
  local IFS=,
  printf '%s' "$*"
}
