// A disk in memory that stands in for the C library's files: calls fail when told to, space ends, and the
// power can go at any call, after which only what was flushed is certain. Include before the implementation.
//
//     disk_format(); disk.fail_at = 3; gan_save(...);      the third call fails (for_ever: and all after it)
//     disk.cut_at = 5; gan_save(...); disk_after_cut(k);   case k of what may then stand on the disk
#ifndef DISK_H
#define DISK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

enum { DISK_FILES = 24, DISK_NAMES = 24, DISK_OPEN = 8, DISK_BYTES = 1 << 13, DISK_PENDING = 12 };

typedef struct disk_file {
    unsigned char now[DISK_BYTES], safe[DISK_BYTES];
    size_t n, safe_n;
    int clean; // all of it is safe
} disk_file;

typedef struct disk_name {
    char name[120]; // "": free
    int file;
} disk_name;

typedef struct disk_entry { // a change of the folder that is not flushed yet
    int rename, remove;
    char from[120], to[120];
    int file;
} disk_entry;

typedef struct disk_handle {
    int open, file;
    size_t at;
} disk_handle;

static struct disk {
    disk_file file[DISK_FILES];
    disk_name name[DISK_NAMES], safe[DISK_NAMES];
    disk_entry pending[DISK_PENDING];
    disk_handle handle[DISK_OPEN];
    int files, pendings;
    int calls, fail_at, for_ever, failures; // calls are counted from 1; fail_at 0: none fails
    int half;                               // what fails reads or writes half first
    int cut_at;                             // the power goes before this call
    size_t space;                           // bytes that can still be written
    int no_sync, no_link; // a disk that forgets to flush (a control); one without second names
} disk;

static void disk_format(void)
{
    memset(&disk, 0, sizeof disk);
    disk.space = (size_t)-1;
}

static int disk_fails(int reason)
{
    ++disk.calls;
    if (disk.cut_at && disk.calls >= disk.cut_at) return errno = EIO, 1;
    if (!disk.fail_at || !(disk.calls == disk.fail_at || (disk.for_ever && disk.calls > disk.fail_at)))
        return 0;
    ++disk.failures;
    errno = reason;
    return 1;
}

static int disk_dead(void) { return disk.cut_at && disk.calls >= disk.cut_at; }

static disk_name *disk_find(disk_name *names, const char *name)
{
    int i;
    for (i = 0; i < DISK_NAMES; ++i)
        if (names[i].name[0] && !strcmp(names[i].name, name)) return names + i;
    return NULL;
}

static void disk_text(char to[120], const char *text) // cut where it is longer
{
    size_t i;
    for (i = 0; i < 119 && text[i]; ++i) to[i] = text[i];
    to[i] = 0;
}

static void disk_put(disk_name *names, const char *name, int file)
{
    disk_name *n = disk_find(names, name);
    int i;
    for (i = 0; !n && i < DISK_NAMES; ++i)
        if (!names[i].name[0]) n = names + i;
    if (!n) return;
    disk_text(n->name, name);
    n->file = file;
}

static void disk_apply(disk_name *names, const disk_entry *e)
{
    disk_name *n = disk_find(names, e->from);
    if ((e->rename || e->remove) && n) n->name[0] = 0;
    if (!e->remove) disk_put(names, e->to, e->file);
}

static void disk_change(int is_rename, int is_remove, const char *from, const char *to, int file)
{
    disk_entry e;
    memset(&e, 0, sizeof e);
    e.rename = is_rename;
    e.remove = is_remove;
    e.file = file;
    disk_text(e.from, from);
    disk_text(e.to, to);
    disk_apply(disk.name, &e);
    if (disk.pendings < DISK_PENDING) disk.pending[disk.pendings++] = e;
}

static disk_handle *disk_handle_of(FILE *f) { return (disk_handle *)(void *)f; }

static int disk_new_file(void)
{
    if (disk.files == DISK_FILES) return -1;
    memset(&disk.file[disk.files], 0, sizeof disk.file[0]);
    return disk.files++;
}

static FILE *disk_fopen(const char *path, const char *mode)
{
    disk_name *n;
    int i, file;
    if (disk_fails(EACCES)) return NULL;
    n = disk_find(disk.name, path);
    if (!n && mode[0] == 'r') return errno = ENOENT, (FILE *)NULL;
    file = n ? n->file : disk_new_file();
    for (i = 0; i < DISK_OPEN && disk.handle[i].open; ++i) {}
    if (i == DISK_OPEN || file < 0) return errno = EMFILE, (FILE *)NULL;
    if (!n) disk_change(0, 0, path, path, file);
    if (mode[0] == 'w') disk.file[file].n = 0, disk.file[file].clean = 0;
    disk.handle[i].open = 1;
    disk.handle[i].file = file;
    disk.handle[i].at = mode[0] == 'a' ? disk.file[file].n : 0;
    return (FILE *)(void *)&disk.handle[i];
}

static size_t disk_fwrite(const void *bytes, size_t size, size_t n, FILE *f)
{
    disk_handle *h = disk_handle_of(f);
    disk_file *file = &disk.file[h->file];
    size_t want = size * n;
    const int failed = disk_fails(ENOSPC);
    if (disk_dead()) return 0;
    if (failed) want = disk.half ? want / 2 : 0;
    if (want > disk.space) want = disk.space, errno = ENOSPC;
    if (h->at + want > DISK_BYTES) want = DISK_BYTES - h->at, errno = ENOSPC;
    memcpy(file->now + h->at, bytes, want);
    h->at += want;
    disk.space -= want;
    if (h->at > file->n) file->n = h->at;
    file->clean = 0;
    return want / size;
}

static size_t disk_fread(void *bytes, size_t size, size_t n, FILE *f)
{
    disk_handle *h = disk_handle_of(f);
    const disk_file *file = &disk.file[h->file];
    size_t want = size * n;
    const int failed = disk_fails(EIO);
    if (failed) want = disk.half ? want / 2 : 0;
    if (want > file->n - h->at) want = file->n - h->at;
    memcpy(bytes, file->now + h->at, want);
    h->at += want;
    return want / size;
}

static int disk_fflush(FILE *f)
{
    (void)f;
    return disk_fails(ENOSPC) ? EOF : 0;
}

static int disk_fclose(FILE *f)
{
    disk_handle_of(f)->open = 0; // closed, whatever it says
    return disk_fails(EIO) ? EOF : 0;
}

static int disk_fseek(FILE *f, long to, int from)
{
    disk_handle *h = disk_handle_of(f);
    const disk_file *file = &disk.file[h->file];
    if (disk_fails(ESPIPE)) return -1;
    h->at = (from == SEEK_END ? file->n : from == SEEK_CUR ? h->at : 0) + (size_t)to;
    return 0;
}

static long disk_ftell(FILE *f) { return disk_fails(EIO) ? -1 : (long)disk_handle_of(f)->at; }

static int disk_fgetc(FILE *f)
{
    disk_handle *h = disk_handle_of(f);
    if (disk_fails(EIO) || h->at >= disk.file[h->file].n) return EOF;
    return disk.file[h->file].now[h->at++];
}

enum { DISK_FOLDER = 99 };

static int disk_fileno(FILE *f) { return (int)(disk_handle_of(f) - disk.handle); }

// Descriptors: of files the handle's number, of any folder DISK_FOLDER.
static int disk_open(const char *path)
{
    const disk_name *n = disk_find(disk.name, path);
    int i;
    if (disk_fails(EACCES)) return -1;
    if (!n) return (int)DISK_FOLDER;
    for (i = 0; i < DISK_OPEN && disk.handle[i].open; ++i) {}
    if (i == DISK_OPEN) return errno = EMFILE, -1;
    disk.handle[i].open = 1;
    disk.handle[i].file = n->file;
    disk.handle[i].at = 0;
    return i;
}

static int disk_close(int fd)
{
    if (fd < DISK_OPEN) disk.handle[fd].open = 0;
    return disk_fails(EIO) ? -1 : 0;
}

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))
static int disk_stat(const char *path, struct stat *to)
{
    const disk_name *n = disk_find(disk.name, path);
    memset(to, 0, sizeof *to);
    if (disk_fails(EIO)) return -1;
    if (!n) return errno = ENOENT, -1;
    to->st_mode = S_IFREG;
    to->st_size = (off_t)disk.file[n->file].n;
    return 0;
}

static int disk_fstat(int fd, struct stat *to)
{
    memset(to, 0, sizeof *to);
    if (disk_fails(EIO)) return -1;
    to->st_mode = S_IFREG;
    to->st_size = (off_t)disk.file[disk.handle[fd].file].n;
    return 0;
}

static ssize_t disk_read(int fd, void *bytes, size_t n)
{
    disk_handle *h = &disk.handle[fd];
    const disk_file *file = &disk.file[h->file];
    if (disk_fails(EIO)) {
        if (!disk.half || n < 2) return -1;
        n /= 2;
    }
    if (n > file->n - h->at) n = file->n - h->at;
    memcpy(bytes, file->now + h->at, n);
    h->at += n;
    return (ssize_t)n;
}

static off_t disk_lseek(int fd, off_t to, int from)
{
    if (disk_fails(ESPIPE) || from != SEEK_SET) return -1;
    disk.handle[fd].at = (size_t)to;
    return to;
}
#endif

static int disk_fsync(int fd)
{
    if (disk_fails(EIO)) return -1;
    if (disk.no_sync) return 0;
    if (fd == DISK_FOLDER) {
        memcpy(disk.safe, disk.name, sizeof disk.safe);
        disk.pendings = 0;
    } else {
        disk_file *file = &disk.file[disk.handle[fd].file];
        memcpy(file->safe, file->now, file->n);
        file->safe_n = file->n;
        file->clean = 1;
    }
    return 0;
}

static int disk_rename(const char *from, const char *to)
{
    const disk_name *n;
    if (disk_fails(EACCES)) return -1;
    n = disk_find(disk.name, from);
    if (!n) return errno = ENOENT, -1;
    disk_change(1, 0, from, to, n->file);
    return 0;
}

static int disk_remove(const char *path)
{
    if (disk_fails(EACCES)) return -1;
    if (!disk_find(disk.name, path)) return errno = ENOENT, -1;
    disk_change(0, 1, path, path, 0);
    return 0;
}

static int disk_link(const char *from, const char *to)
{
    const disk_name *n;
    if (disk_fails(EACCES)) return -1;
    n = disk_find(disk.name, from);
    if (!n || disk.no_link || disk_find(disk.name, to)) return errno = n ? EPERM : ENOENT, -1;
    disk_change(0, 0, to, to, n->file);
    return 0;
}

// Any of the folder's changes that were not flushed may have reached the disk, in their order; of a file that
// was not flushed what was safe, half, zeros, or all of it. Makes case k stand on the disk; 0: there is none.
static int disk_after_cut(int k)
{
    const int changes = 1 << disk.pendings;
    disk_name names[DISK_NAMES];
    int i;
    if (k >= 4 * changes) return 0;
    memcpy(names, disk.safe, sizeof names);
    for (i = 0; i < disk.pendings; ++i)
        if (k >> 2 >> i & 1) disk_apply(names, &disk.pending[i]);
    for (i = 0; i < disk.files; ++i) {
        disk_file *f = &disk.file[i];
        if (f->clean) continue;
        if ((k & 3) == 0) memcpy(f->now, f->safe, f->n = f->safe_n);
        if ((k & 3) == 1) f->n /= 2;
        if ((k & 3) == 2) memset(f->now, 0, f->n);
    }
    memcpy(disk.name, names, sizeof names);
    memset(disk.handle, 0, sizeof disk.handle);
    disk.cut_at = 0;
    return 1;
}

static int disk_open_handles(void)
{
    int i, n = 0;
    for (i = 0; i < DISK_OPEN; ++i) n += disk.handle[i].open;
    return n;
}

static int disk_temporaries(void)
{
    int i, n = 0;
    for (i = 0; i < DISK_NAMES; ++i) {
        const size_t length = strlen(disk.name[i].name);
        n += length > 4 && !strcmp(disk.name[i].name + length - 4, ".tmp");
    }
    return n;
}

#define fopen(path, mode) disk_fopen(path, mode)
#define fread(to, size, n, f) disk_fread(to, size, n, f)
#define fwrite(from, size, n, f) disk_fwrite(from, size, n, f)
#define fflush(f) disk_fflush(f)
#define fclose(f) disk_fclose(f)
#define fseek(f, to, from) disk_fseek(f, to, from)
#define ftell(f) disk_ftell(f)
#define fgetc(f) disk_fgetc(f)
#define fileno(f) disk_fileno(f)
#define fsync(fd) disk_fsync(fd)
#define rename(from, to) disk_rename(from, to)
#define remove(path) disk_remove(path)
#define link(from, to) disk_link(from, to)
#define open(path, how) disk_open(path)
#define stat(path, to) disk_stat(path, to)
#define fstat(fd, to) disk_fstat(fd, to)
#define read(fd, to, n) disk_read(fd, to, n)
#define lseek(fd, to, from) disk_lseek(fd, to, from)
#define close(fd) disk_close(fd)

#endif
