/* Stands between a program and its disk: while the file that FAULTY_DISK names is there, calls fail as it says.
 *
 * Each of its lines is "<call> <error number> <part of a path>", with write, sync or open for the call. A write that
 * fails writes the first half of its bytes if the call is "tear". A sync waits as long as the line is there if the call
 * is "hold". Of "memory" the part is one of a thread's name: it gets no large pieces. See disk.rs. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* The error that a call on a path fails with; 0: none. */
static int fault(const char *call, const char *path) {
    const char *name = getenv("FAULTY_DISK");
    if (!name) return 0;
    int saved = errno;
    int fd = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    errno = saved;
    if (fd < 0) return 0;
    char text[2048];
    ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    errno = saved;
    if (length <= 0) return 0;
    text[length] = 0;
    char *rest, *line = strtok_r(text, "\n", &rest);
    for (; line; line = strtok_r(NULL, "\n", &rest)) {
        char which[16], part[1024];
        int number;
        if (sscanf(line, "%15s %d %1023s", which, &number, part) != 3) continue;
        if (!strcmp(which, call) && strstr(path, part)) return number;
    }
    return 0;
}

static int fault_at(const char *call, int fd) {
    char path[4096];
    return path_of(fd, path, sizeof path) ? fault(call, path) : 0;
}

#define REAL(type, name, ...)                                  \
    static type (*real)(__VA_ARGS__);                          \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define FAIL(call, fd)                                         \
    do {                                                       \
        int number = fault_at(call, fd);                       \
        if (number) { errno = number; return -1; }             \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (size > 1 && fault_at("tear", fd)) return real(fd, bytes, size / 2);
    FAIL("write", fd);
    return real(fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    /* Half of it, and the rest never: what is left of a torn write is one byte or the fault. */
    int number = fault_at("tear", fd);
    if (number) {
        if (size > 1) return real(fd, bytes, size / 2, at);
        errno = number;
        return -1;
    }
    FAIL("write", fd);
    return real(fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

static void hold(int fd) {
    while (fault_at("hold", fd)) usleep(10000);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    hold(fd);
    FAIL("sync", fd);
    return real(fd);
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    hold(fd);
    FAIL("sync", fd);
    return real(fd);
}

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    int number = writes(flags) ? fault("open", path) : 0;
    if (number) {
        errno = number;
        return -1;
    }
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open64(path, flags, mode);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* From here on a piece of memory is large. */
#define LARGE (1 << 20)

static int is_short(size_t size) {
    char name[17] = "";
    if (size < LARGE || prctl(PR_GET_NAME, name)) return 0;
    int number = fault("memory", name);
    if (number) errno = number;
    return number;
}

void *malloc(size_t size) { return is_short(size) ? NULL : __libc_malloc(size); }

void *realloc(void *old, size_t size) { return is_short(size) ? NULL : __libc_realloc(old, size); }
