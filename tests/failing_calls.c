/* The file system calls of a process, of which one fails: loaded before the C library (LD_PRELOAD).

   Only calls on files below a folder count. `failing_arm` says which one fails, and how: with an error, or, given a
   signal's number below zero, with that signal. `failing_disarm` ends it and gives the number of calls that were counted
   since. See index_failing.py. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITE = 1, NAME = 2, SYNC = 4, MAP = 8, READ = 16, LOCK = 32 };

static char below[4096], last[5000];
static int kinds, error, on;
static long at, until, count, failed;

void failing_arm(const char *folder, int which, long first, long end, int code) {
    snprintf(below, sizeof below, "%s", folder);
    kinds = which, at = first, until = end, error = code, count = failed = 0, last[0] = 0;
    __atomic_store_n(&on, 1, __ATOMIC_SEQ_CST);
}

long failing_disarm(void) {
    __atomic_store_n(&on, 0, __ATOMIC_SEQ_CST);
    return count;
}

long failing_failed(void) { return failed; }

const char *failing_last(void) { return last; }

/* Whether this call, on this path, fails. */
static int fails(int kind, const char *name, const char *path) {
    if (!path || !strstr(path, below)) return 0;
    long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (number < at || number >= until) return 0;
    failed++;
    if (!last[0]) snprintf(last, sizeof last, "%s %s", name, strrchr(path, '/') + 1);
    if (error < 0) raise(-error);
    errno = error;
    return 1;
}

static int on_path(int kind, const char *name, const char *path) {
    return on && (kinds & kind) && fails(kind, name, path);
}

static int on_handle(int kind, const char *name, int handle) {
    if (!on || !(kinds & kind) || handle < 0) return 0;
    char link[64], path[4096];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(kind, name, path);
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define ON_HANDLE(kind, result, name, given, passed, bad) \
    result name given { \
        REAL(name); \
        return on_handle(kind, #name, handle) ? bad : real passed; \
    }

#define ON_PATH(kind, result, name, given, passed, bad) \
    result name given { \
        REAL(name); \
        return on_path(kind, #name, path) ? bad : real passed; \
    }

ON_HANDLE(WRITE, ssize_t, write, (int handle, const void *data, size_t size), (handle, data, size), -1)
ON_HANDLE(WRITE, ssize_t, pwrite, (int handle, const void *data, size_t size, off_t to), (handle, data, size, to), -1)
ON_HANDLE(WRITE, ssize_t, pwrite64, (int handle, const void *data, size_t size, off64_t to), (handle, data, size, to), -1)
ON_HANDLE(WRITE, int, ftruncate, (int handle, off_t size), (handle, size), -1)
ON_HANDLE(WRITE, int, ftruncate64, (int handle, off64_t size), (handle, size), -1)
ON_HANDLE(SYNC, int, fsync, (int handle), (handle), -1)
ON_HANDLE(SYNC, int, fdatasync, (int handle), (handle), -1)
ON_HANDLE(NAME, int, fchmod, (int handle, mode_t mode), (handle, mode), -1)
ON_HANDLE(READ, ssize_t, read, (int handle, void *data, size_t size), (handle, data, size), -1)
ON_HANDLE(READ, ssize_t, pread, (int handle, void *data, size_t size, off_t from), (handle, data, size, from), -1)
ON_HANDLE(READ, ssize_t, pread64, (int handle, void *data, size_t size, off64_t from), (handle, data, size, from), -1)
ON_HANDLE(LOCK, int, flock, (int handle, int what), (handle, what), -1)
ON_HANDLE(MAP, void *, mmap, (void *where, size_t size, int may, int how, int handle, off_t from),
          (where, size, may, how, handle, from), MAP_FAILED)
ON_HANDLE(MAP, void *, mmap64, (void *where, size_t size, int may, int how, int handle, off64_t from),
          (where, size, may, how, handle, from), MAP_FAILED)
ON_PATH(NAME, int, unlink, (const char *path), (path), -1)
ON_PATH(NAME, int, rmdir, (const char *path), (path), -1)
ON_PATH(NAME, int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
ON_PATH(NAME, int, rename, (const char *path, const char *to), (path, to), -1)
ON_PATH(NAME, int, link, (const char *path, const char *to), (path, to), -1)

ON_PATH(READ, DIR *, opendir, (const char *path), (path), NULL)
ON_PATH(READ, int, stat, (const char *path, struct stat *found), (path, found), -1)
ON_PATH(READ, int, stat64, (const char *path, struct stat64 *found), (path, found), -1)
ON_PATH(READ, int, lstat, (const char *path, struct stat *found), (path, found), -1)
ON_PATH(READ, int, lstat64, (const char *path, struct stat64 *found), (path, found), -1)
ON_HANDLE(READ, DIR *, fdopendir, (int handle), (handle), NULL)
ON_HANDLE(READ, int, fstat, (int handle, struct stat *found), (handle, found), -1)
ON_HANDLE(READ, int, fstat64, (int handle, struct stat64 *found), (handle, found), -1)

/* Below an open folder: the folder counts. */
int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    int bad = path[0] == '/' ? on_path(NAME, "unlinkat", path) : on_handle(NAME, "unlinkat", folder);
    return bad ? -1 : real(folder, path, flags);
}

size_t fwrite(const void *data, size_t size, size_t times, FILE *file) {
    REAL(fwrite);
    return on_handle(WRITE, "fwrite", fileno(file)) ? 0 : real(data, size, times, file);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return on_path(NAME, #name, path) ? -1 : real(path, flags, mode); \
    }

OPEN(open)
OPEN(open64)

#define FCNTL(name) \
    int name(int handle, int what, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, what); \
        void *argument = va_arg(more, void *); \
        va_end(more); \
        int takes = (what == F_SETLK || what == F_SETLKW) && ((struct flock *)argument)->l_type != F_UNLCK; \
        int bad = takes && on_handle(LOCK, #name, handle); \
        return bad ? -1 : real(handle, what, argument); \
    }

FCNTL(fcntl)
FCNTL(fcntl64)
