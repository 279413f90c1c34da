#!/bin/sh
# Runs for whoever comes in with a deploy key, in place of the command that they asked for, and answers in
# GitHub's words. Arguments: the id of the key's repository, the key's fingerprint.
# sshd starts it with a path of its own, in which git may be missing.
# shellcheck disable=SC2123
PATH='@PATH@'
export PATH GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
here=$(dirname "$0")
service=${SSH_ORIGINAL_COMMAND%% *}
name=$(printf '%s' "${SSH_ORIGINAL_COMMAND#"$service"}" | tr -d "' ")
name=${name#/}
name=${name%.git}
small=$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]')
id=$(awk -F '\t' -v name="$small" '$1 == name { print $2; exit }' "$here/names")

note() { printf '%s\t%s\t%s\t%s\n' "$fingerprint" "$service" "$name" "$1" >>"$here/logins"; }
refuse() {
  note refused
  echo "$1" >&2
  exit 1
}

fingerprint=$2
[ -n "$service" ] ||
  refuse "Hi! You've successfully authenticated, but GitHub does not provide shell access."
[ "$id" = "$1" ] || refuse 'ERROR: Repository not found.'
case $service in
  git-upload-pack)
    note admitted
    exec git upload-pack --strict "@REPOSITORIES@/$id.git"
    ;;
  git-receive-pack) refuse 'ERROR: The key you are authenticating with has been marked as read only.' ;;
  *) refuse "Invalid command: '$SSH_ORIGINAL_COMMAND'" ;;
esac
