/* lock.c - see lock.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1: another process has it; -1: errno. */
static int lock(int fd, bool *unlocked)
{
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) return 1;
        *unlocked = errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
        return *unlocked ? 0 : -1;
    }
    return 0;
}

/* Who had it may have finished, and removed it, before we got the lock. */
static bool is_in_place(int fd, const char *path)
{
    struct stat ours, there;
    return !fstat(fd, &ours) && !stat(path, &there) && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

int lock_open(int *fd, const char *path, bool *unlocked, struct err *e)
{
    int status;
    *fd = -1;
    *unlocked = false;
    do {
        if (*fd >= 0) close(*fd);
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*fd < 0) return err_errno(e, "%s: cannot write", path);
        status = lock(*fd, unlocked);
    } while (!status && !is_in_place(*fd, path));
    if (status >= 0) return status;
    status = err_errno(e, "%s: cannot lock", path);
    close(*fd);
    *fd = -1;
    return status;
}
