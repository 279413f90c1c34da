# The papers that go with a program: its completions, its manual pages, and the licences of all that it is made of.
# Sourced; needs common.sh.

# make_papers PROGRAM DIRECTORY: asks the program, which has to run on this machine.
make_papers() {
  local shell page
  mkdir -p "$2/completions" "$2/man"
  for shell in bash zsh fish; do
    "$1" completions "$shell" >"$2/completions/kozmic.$shell" || return
  done
  "$1" man "$2/man" || return
  for page in "$2"/man/*.1; do gzip --force --no-name --best "$page" || return; done
  gzip --no-name --best <CHANGELOG.md >"$2/changelog.gz"
}

# make_licences TARGET DIRECTORY: what the program for this target is made of, after our own licences.
make_licences() {
  mkdir -p "$2"
  python3 script/lib/licences.py kozmic "$1" >"$2/LICENCES.txt" || return
  cat packaging/copyright - LICENSE-MIT - LICENSE-APACHE - "$2/LICENCES.txt" <<<"" >"$2/copyright"
}
