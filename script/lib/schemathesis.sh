# schemathesis, which asks the API in many ways and compares its answers with its description; a Python program, in
# an environment of its own, with all of its parts at the versions in schemathesis.txt. Sourced; needs common.sh and
# packages.sh.

SCHEMATHESIS=$LOGS/schemathesis

# want_schemathesis: the packages that make such an environment.
want_schemathesis() {
  want_command python3
  python3 -c 'import ensurepip' 2>/dev/null || want python3-venv
}

# prepare_schemathesis: puts it into PATH; installed anew only if the versions changed.
prepare_schemathesis() {
  PATH=$SCHEMATHESIS/bin:$PATH
  cmp --quiet script/lib/schemathesis.txt "$SCHEMATHESIS/versions.txt" && return
  rm -rf "$SCHEMATHESIS"
  note "schemathesis: installing $(grep '^schemathesis==' script/lib/schemathesis.txt)"
  quietly schemathesis-venv python3 -m venv "$SCHEMATHESIS"
  quietly schemathesis-install "$SCHEMATHESIS/bin/pip" install --disable-pip-version-check --only-binary :all: --no-deps \
    --requirement script/lib/schemathesis.txt
  cp script/lib/schemathesis.txt "$SCHEMATHESIS/versions.txt"
}
