# Tools at the versions of tools.txt, in a place of their own. Each is installed when it is first needed, and anew when its
# version changes. Sourced; needs common.sh and packages.sh.

TOOL_LIST=$ROOT/script/lib/tools.txt
TOOLS=${RELEASE_TOOLS:-$LOGS/tools}
PATH=$TOOLS/bin:$TOOLS/python/bin:$PATH

# tool_version NAME: its version in the list.
tool_version() { awk -v name="$1" '$2 == name { print $3 }' "$TOOL_LIST"; }

# prepare_cargo_tool NAME: a crate's program. It is compiled without optimization, which takes a third of the time.
prepare_cargo_tool() {
  local version mark
  version=$(tool_version "$1")
  mark=$TOOLS/$1-$version
  [[ ! -e $mark ]] || return 0
  note "tools: compiling $1 $version"
  mkdir -p "$TOOLS"
  quietly "$1" env -u CARGO_TARGET_DIR -u RUSTFLAGS \
    cargo install --locked --debug --force --root "$TOOLS" "$1@$version"
  touch "$mark"
}

# prepare_python_tools: those of PyPI, in an environment of Python's.
prepare_python_tools() {
  local wanted=$TOOLS/requirements.txt
  mkdir -p "$TOOLS"
  python_requirements >"$wanted.new"
  if ! cmp --quiet "$wanted.new" "$wanted"; then
    note "tools: installing $(awk '$1 == "pip" { printf "%s%s %s", comma, $2, $3; comma = ", " }' "$TOOL_LIST")"
    rm -rf "$TOOLS/python"
    quietly tools-venv python3 -m venv "$TOOLS/python"
    quietly tools-pip "$TOOLS/python/bin/pip" install --disable-pip-version-check --require-hashes --no-deps \
      --only-binary :all: --requirement "$wanted.new"
    mv "$wanted.new" "$wanted"
  fi
  rm -f "$wanted.new"
}

python_requirements() {
  awk '$1 == "pip" { printf "%s%s==%s", line, $2, $3; line = "\n" }
    /^sha256:/ { printf " --hash=%s", $1 }
    END { print "" }' "$TOOL_LIST"
}
