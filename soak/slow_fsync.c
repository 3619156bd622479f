/* LD_PRELOAD of a process whose disk is slow: every fsync and fdatasync begins SLOW_FSYNC_MS later than it would, and
 * is noted by one byte in the file SLOW_FSYNC_NOTES. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int late(const char *name, int file)
{
    int (*really)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *milliseconds = getenv("SLOW_FSYNC_MS"), *notes = getenv("SLOW_FSYNC_NOTES");
    long wanted = milliseconds ? atol(milliseconds) : 0;
    struct timespec left = {wanted / 1000, wanted % 1000 * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
    int note = notes ? open(notes, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (note >= 0) {
        if (write(note, ".", 1) != 1)
            abort();
        close(note);
    }
    return really(file);
}

int fsync(int file) { return late("fsync", file); }
int fdatasync(int file) { return late("fdatasync", file); }
