// inject LOG CALLS FIRST LAST ACTION [VALUE] PROGRAM [ARGUMENT...]
//
// Runs a program and stops it at every system call named in CALLS, in whatever thread, before the call is made. Calls from FIRST to LAST, counted over
// all threads, meet ACTION; the others go on. ACTION is one of
//   kill          SIGKILL to the program
//   error ERRNO   the call is not made and fails
//   skip          the call is not made and succeeds
//   short BYTES   the call is made with at most so many bytes
//
// CALLS are separated by commas. A name alone counts calls on files, directories and sockets, name/file, name/directory and name/socket those on one kind
// only; calls on anything else (pipes, shared libraries, the runtime's own descriptors) are not counted. openat2 counts where it creates, ioctl where it clones.
// LOG gets a line for each call counted: number, thread, name/kind, path, and with an asterisk what met ACTION.
//
// The kernel stops the thread (seccomp, user notification) and a second process decides. It is a grandchild, so the program keeps its process id and has no
// child that it does not know.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// Where its descriptor stands among the arguments, and the name beside it (-1: it has none).
static const struct call { const char *name; int number, descriptor, path; } table[] = {
    {"openat2", SYS_openat2, 0, 1}, {"mkdirat", SYS_mkdirat, 0, 1}, {"linkat", SYS_linkat, 2, 3}, {"unlinkat", SYS_unlinkat, 0, 1},
#ifdef SYS_renameat
    {"renameat", SYS_renameat, 2, 3},
#endif
    {"renameat2", SYS_renameat2, 2, 3}, {"pwrite64", SYS_pwrite64, 0, -1}, {"write", SYS_write, 0, -1}, {"ftruncate", SYS_ftruncate, 0, -1},
    {"fallocate", SYS_fallocate, 0, -1}, {"fchmod", SYS_fchmod, 0, -1}, {"fchmodat", SYS_fchmodat, 0, 1}, {"fchown", SYS_fchown, 0, -1},
    {"utimensat", SYS_utimensat, 0, -1}, {"fsync", SYS_fsync, 0, -1}, {"fdatasync", SYS_fdatasync, 0, -1}, {"syncfs", SYS_syncfs, 0, -1},
    {"sync_file_range", SYS_sync_file_range, 0, -1}, {"ioctl", SYS_ioctl, 0, -1}, {"copy_file_range", SYS_copy_file_range, 2, -1},
    {"sendto", SYS_sendto, 0, -1}, {"sendmsg", SYS_sendmsg, 0, -1}, {"read", SYS_read, 0, -1}, {"pread64", SYS_pread64, 0, -1},
    {"recvfrom", SYS_recvfrom, 0, -1}, {"recvmsg", SYS_recvmsg, 0, -1},
};
enum { CALLS = sizeof table / sizeof *table };

static struct shared { sem_t offered, taken; int listener; } *shared;
static char *wanted[CALLS];
static long first, last, seen;
static const char *action;
static long value;
static FILE *logged;
static pid_t program;

static void die(const char *what) {
    perror(what);
    exit(125);
}

static int select_calls(char *list) {
    for (char *rest = list, *name; (name = strsep(&rest, ","));) {
        char *kind = strchr(name, '/');
        if (kind) *kind++ = 0;
        int found = 0;
        for (int i = 0; i < CALLS; i++) {
            if (!strcmp(table[i].name, name)) wanted[i] = kind ? kind : "", found = 1;
        }
        if (!found) return 0;
    }
    return 1;
}

static int install(void) {
    struct sock_filter program[2 * CALLS + 2];
    unsigned short length = 0;
    program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++) {
        if (!wanted[i]) continue;
        program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)table[i].number, 0, 1);
        program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog filter = {length, program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // Once the other process has a call, only a deadly signal takes it back: it is never counted twice.
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
}

static long peek(pid_t thread, unsigned long long address, void *to, size_t size) {
    struct iovec local = {to, size}, remote = {(void *)address, size};
    return process_vm_readv(thread, &local, 1, &remote, 1, 0);
}

static void peek_name(pid_t thread, unsigned long long address, char *name, size_t size) {
    // By the byte: what follows a name may not be mapped.
    size_t at = 0;
    while (at + 1 < size && peek(thread, address + at, name + at, 1) == 1 && name[at]) at++;
    name[at] = 0;
}

static const char *kind_of(mode_t mode, const char *path) {
    if (S_ISSOCK(mode)) return "socket";
    if (S_ISDIR(mode)) return "directory";
    return S_ISREG(mode) && strncmp(path, "/memfd:", 7) && !strstr(path, ".so") ? "file" : NULL;
}

static int is_counted(const struct call *call, const struct seccomp_notif *request) {
    if (call->number == SYS_ioctl) return request->data.args[1] == FICLONE;
    struct open_how how;
    return call->number != SYS_openat2 || (peek(request->pid, request->data.args[2], &how, sizeof how) == sizeof how && how.flags & O_CREAT);
}

// Makes the call on the same open file, shortened. What passes descriptors is left alone. -1: not done.
static int make_short(const struct seccomp_notif *request, struct seccomp_notif_resp *answer) {
    const __u64 *args = request->data.args;
    __u64 address = args[1], size = args[2];
    int flags = request->data.nr == SYS_sendto ? (int)args[3] : (int)args[2];
    if (request->data.nr == SYS_sendmsg) {
        struct msghdr message;
        struct iovec vector;
        if (peek(request->pid, args[1], &message, sizeof message) != sizeof message || message.msg_controllen || message.msg_iovlen != 1
            || peek(request->pid, (unsigned long long)message.msg_iov, &vector, sizeof vector) != sizeof vector) return -1;
        address = (unsigned long long)vector.iov_base, size = vector.iov_len;
    }
    if (size <= (__u64)value || value > 65536) return -1;
    char bytes[65536];
    int holder = (int)syscall(SYS_pidfd_open, program, 0), file = (int)syscall(SYS_pidfd_getfd, holder, (int)args[0], 0);
    close(holder);
    if (file < 0) return -1;
    int reads = request->data.nr == SYS_read || request->data.nr == SYS_pread64;
    long done = -1;
    if (reads || peek(request->pid, address, bytes, (size_t)value) == value) {
        switch (request->data.nr) {
            case SYS_write: done = write(file, bytes, (size_t)value); break;
            case SYS_pwrite64: done = pwrite(file, bytes, (size_t)value, (off_t)args[3]); break;
            case SYS_read: done = read(file, bytes, (size_t)value); break;
            case SYS_pread64: done = pread(file, bytes, (size_t)value, (off_t)args[3]); break;
            default: done = send(file, bytes, (size_t)value, flags); break;
        }
    }
    answer->error = done < 0 ? -errno : 0;
    answer->val = done < 0 ? 0 : done;
    struct iovec local = {bytes, (size_t)(done < 0 ? 0 : done)}, remote = {(void *)address, local.iov_len};
    if (reads && done > 0) process_vm_writev(request->pid, &local, 1, &remote, 1, 0);
    close(file);
    return 0;
}

static void decide(const struct seccomp_notif *request, struct seccomp_notif_resp *answer) {
    const struct call *call = NULL;
    const char *only = NULL;
    for (int i = 0; i < CALLS; i++) {
        if (wanted[i] && table[i].number == request->data.nr) call = &table[i], only = wanted[i];
    }
    int descriptor = call ? (int)request->data.args[call->descriptor] : -1;
    char link[64], path[PATH_MAX] = "", name[512] = "";
    snprintf(link, sizeof link, descriptor == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d", (int)request->pid, descriptor);
    struct stat status;
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!call || length < 0 || stat(link, &status) || !is_counted(call, request)) return;
    path[length] = 0;
    const char *kind = kind_of(status.st_mode, path);
    if (!kind || (*only && strcmp(only, kind))) return;
    if (call->path >= 0) peek_name(request->pid, request->data.args[call->path], name, sizeof name);

    seen++;
    int meets = seen >= first && seen <= last;
    fprintf(logged, "%ld %d %s/%s %s%s%s%s\n", seen, (int)request->pid, call->name, kind, path, *name ? "/" : "", name, meets ? " *" : "");
    if (!meets) return;
    if (!strcmp(action, "short") && make_short(request, answer)) return;
    answer->flags = 0;
    if (!strcmp(action, "kill")) kill(program, SIGKILL);
    if (!strcmp(action, "error")) answer->error = (int)-value;
}

static void supervise(void) {
    int holder = (int)syscall(SYS_pidfd_open, program, 0);
    sem_wait(&shared->offered);
    int listener = (int)syscall(SYS_pidfd_getfd, holder, shared->listener, 0);
    if (listener < 0) {
        kill(program, SIGKILL);
        exit(125);
    }
    sem_post(&shared->taken);
    struct pollfd wait = {listener, POLLIN, 0};
    // Hung up when nobody is left who could be stopped.
    while ((poll(&wait, 1, -1) > 0 || errno == EINTR) && !(wait.revents & POLLHUP)) {
        struct seccomp_notif request = {0};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request)) continue;
        struct seccomp_notif_resp answer = {.id = request.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        decide(&request, &answer);
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    exit(0);
}

int main(int count, char **arguments) {
    if (count < 7 || !select_calls(arguments[2])) return fprintf(stderr, "inject: see the head of inject.c\n"), 125;
    first = atol(arguments[3]), last = atol(arguments[4]), action = arguments[5];
    int next = 6;
    if (!strcmp(action, "error") || !strcmp(action, "short")) value = atol(arguments[next++]);
    if (!(logged = fopen(arguments[1], "we"))) die(arguments[1]);
    setvbuf(logged, NULL, _IOLBF, 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || sem_init(&shared->offered, 1, 0) || sem_init(&shared->taken, 1, 0)) die("shared memory");
    program = getpid();
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        if (fork() == 0) {
            // Nobody who waits for the end of the program's output shall wait for this one.
            int nothing = open("/dev/null", O_RDWR);
            for (int i = 0; i < 3; i++) dup2(nothing, i);
            setsid();
            supervise();
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    if ((shared->listener = install()) < 0) die("seccomp");
    sem_post(&shared->offered);
    while (sem_wait(&shared->taken) && errno == EINTR) {}
    execvp(arguments[next], arguments + next);
    die(arguments[next]);
}
