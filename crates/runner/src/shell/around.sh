# The shell around a script. It runs the script as its child, and notes in the volume how that ended.
#
# The runner sets _g before, the seconds between SIGTERM and SIGKILL, and puts the script in the place of its mark.
# Lines that begin with # stay out of containers. Any POSIX shell reads this, and needs no other program before a stop:
# `kill`, `read` and `[` are its own. It says nothing by itself, and dies of no signal that can be caught.

exec 2>/dev/null
# Counts the processes of the container that were killed for want of memory.
_m() {
_n=0
for _f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
[ -r "$_f" ] && while read -r _k _v; do [ "$_k" = oom_kill ] && _n=$_v; done <"$_f"
done
}
_m
_b=$_n
# Nobody is there to answer or to turn pages: programs are told so. What an image says of that counts.
export DEBIAN_FRONTEND="${DEBIAN_FRONTEND-noninteractive}" GIT_TERMINAL_PROMPT="${GIT_TERMINAL_PROMPT-0}"
export PAGER="${PAGER-cat}"
# At a stop, process 1 sends SIGTERM to this shell and to all in its process group.
unset TINI_KILL_PROCESS_GROUP
_s=
trap '_s=" signaled"' HUP INT QUIT TERM USR1 USR2
# The script runs here.
_c=$?
_m
_o=
[ "$_n" = "$_b" ] || _o=" memory"
# A pipe that the script put there would be waited for.
if [ -f /kozmic/.ended ] || [ ! -e /kozmic/.ended ]; then echo "$_c$_s$_o" >/kozmic/.ended; fi
[ -n "$_s" ] || exit "$_c"

# The script was stopped. When this shell ends, all else in the container is killed: so it waits for the others, as long
# as the engine does. Each of them gets SIGTERM once, since many programs end without a word at the second one. Those of
# the process group had it with the script, and sudo and timeout pass on what they get. Those of other users get it by
# sudo, where the script may use that. (The backslashes keep a script's own `pkill -f sleep` from meaning this shell.)
_is() { read -r _l <"/proc/$1/stat" && case $_l in *" ($2) "*) ;; *) return 1 ;; esac; }
_u() { read -r _v _ </proc/uptime && _v=${_v%%.*}; }
_u && _e=$((_v + _g + 1))
_t() {
_r=
for _p in /proc/[0-9]*; do
read -r _l <"$_p/stat" || continue
_p=${_p#/proc/}
set -- ${_l##*) }
[ "$_p" != 1 ] && [ "$_p" != $$ ] || continue
[ "$3" != $$ ] || ! kill -0 "$_p" || continue
_u && [ "$_v" -lt "$_e" ] || break
_is "$2" s\udo || _is "$2" t\imeout && continue
[ "$3" = "$_p" ] || ! _is "$3" t\imeout || continue
if kill -0 "$_p"; then kill -TERM "$_p"; elif [ -e "/proc/$_p" ]; then _r="$_r $_p"; fi
done
[ -z "$_r" ] || s\udo -n /bin/sh -c "kill -TERM$_r"
}
_t
while kill -0 -1 && _u && [ "$_v" -lt "$_e" ]; do s\leep 0.1 || s\leep 1; done
exit 143
