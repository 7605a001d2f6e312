/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which class of threads may make which system call, and why; one row each. No row, no call.
 *
 *	CALL(name, classes)			with whatever arguments
 *	CALL_IF(name, classes, nr, mask, value)	if argument @nr, of which @mask is looked at, has @value
 *	IOCTL(request, classes)			ioctl(2), by the request's number
 *	NO_SUCH(name, classes)			answered with ENOSYS: the C library then asks otherwise
 *
 * Read by host/sandbox/generate.c, which makes a filter of each class.
 */

/* What a thread may not do, none that it creates may: so the loop's has what all have. */
#define B   (1u << SANDBOX_REBUILD)    /* builds VMs */
#define L   (1u << SANDBOX_LOOP | B)   /* the loop's thread */
#define F   (L | 1u << SANDBOX_WRITER) /* a vCPU's that puts files aside */
#define V   (F | 1u << SANDBOX_VCPU)   /* a vCPU's */
#define D   (L | 1u << SANDBOX_DISK)
#define S   (L | 1u << SANDBOX_SHARE)
#define W   (D | S) /* workers */
#define ALL (V | W)

/* --- Running the guest: what its exits ask of KVM, and what debuggers and snapshots do --- */
IOCTL(KVM_RUN, V)
IOCTL(KVM_IRQ_LINE, V) /* a device's line, whoever moves it */
IOCTL(KVM_SIGNAL_MSI, V)
IOCTL(KVM_IOEVENTFD, V) /* a doorbell, where the guest places its BAR */
IOCTL(KVM_IRQFD, V)
IOCTL(KVM_SET_GSI_ROUTING, V)
IOCTL(KVM_GET_ONE_REG, V)
IOCTL(KVM_SET_ONE_REG, V)
IOCTL(KVM_GET_MP_STATE, V)
IOCTL(KVM_SET_MP_STATE, V)
IOCTL(KVM_ARM_VCPU_INIT, V) /* CPU_ON */
IOCTL(KVM_GET_VCPU_EVENTS, V)
IOCTL(KVM_SET_VCPU_EVENTS, V)
IOCTL(KVM_SET_GUEST_DEBUG, V)
IOCTL(KVM_GET_DEVICE_ATTR, V) /* the GIC, asked whether an interrupt waits */
IOCTL(KVM_SET_DEVICE_ATTR, V)
IOCTL(KVM_HAS_DEVICE_ATTR, L)
IOCTL(KVM_CHECK_EXTENSION, L)
IOCTL(KVM_GET_REG_LIST, L)
IOCTL(KVM_GET_DIRTY_LOG, L)
IOCTL(KVM_CLEAR_DIRTY_LOG, L)
IOCTL(KVM_SET_USER_MEMORY_REGION, L)

/* --- Building another VM --- */
IOCTL(KVM_CREATE_VM, B)
IOCTL(KVM_CREATE_VCPU, B)
IOCTL(KVM_CREATE_DEVICE, B)
IOCTL(KVM_ENABLE_CAP, B)
IOCTL(KVM_GET_API_VERSION, B)
IOCTL(KVM_GET_VCPU_MMAP_SIZE, B)
IOCTL(KVM_ARM_PREFERRED_TARGET, B)
IOCTL(KVM_ARM_VCPU_FINALIZE, B)
IOCTL(KVM_ARM_GET_REG_WRITABLE_MASKS, B)
CALL(memfd_create, B)   /* memory that others map */
CALL(eventfd2, V)       /* doorbells, what a thread tells the loop */
CALL(timerfd_create, V) /* a timer of a device is made when it is first set */
CALL(bind, B)
CALL(listen, B)

/* --- Threads and memory --- */
CALL(futex, ALL)
CALL_IF(mmap, ALL, 2, PROT_EXEC, 0) /* no new code, in any thread */
CALL_IF(mprotect, ALL, 2, PROT_EXEC, 0)
CALL(munmap, ALL)
CALL(mremap, ALL)
CALL(brk, ALL)
CALL(madvise, ALL) /* balloons, and the C library's arenas */
CALL(rseq, L)      /* a thread's beginning, which is in its creator's class */
CALL(set_robust_list, L)
CALL_IF(clone, L, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM)
NO_SUCH(clone3, L) /* its flags lie in memory, where a filter cannot look */
CALL_IF(prctl, ALL, 0, 0xffffffff, PR_SET_NAME)
CALL_IF(prctl, ALL, 0, 0xffffffff,
	PR_GET_NAME) /* for the line that says who did what is not here */
CALL_IF(prctl, L, 0, 0xffffffff, PR_SET_NO_NEW_PRIVS)
CALL(seccomp, L)                 /* to a class with less */
CALL(landlock_create_ruleset, L) /* a worker's of a shared folder, before it is one */
CALL(landlock_add_rule, L)
CALL(landlock_restrict_self, L)
CALL_IF(unshare, L, 0, 0xffffffff, CLONE_FS) /* a thread's own umask */
CALL(umask, L)
CALL(sched_yield, ALL)
CALL(sched_getaffinity, L) /* the C library, for the number of its arenas */
CALL(sched_setaffinity, L) /* --vcpu-affinity */
CALL(exit, ALL)
CALL(exit_group, ALL)
CALL(membarrier, L)

/* --- Time and signals --- */
CALL(clock_gettime, ALL) /* where the vDSO has no clock */
CALL(clock_getres, ALL)
CALL(clock_nanosleep, ALL)
CALL(nanosleep, ALL)
CALL(timerfd_settime, V)
CALL(rt_sigprocmask, ALL)
CALL(rt_sigreturn, ALL)
CALL(rt_sigsuspend, V) /* a vCPU that waits to be kicked */
CALL(rt_sigtimedwait, V)
CALL(rt_sigaction, L)
CALL(restart_syscall, ALL)
CALL(getpid, ALL)
CALL(gettid, ALL)
CALL(tgkill, ALL) /* kicks, and abort() */
CALL(kill, L)     /* lkvm's helper programs */
CALL(pidfd_send_signal, L)
CALL(wait4, L)
CALL(waitid, L)

/* --- Descriptors that are open --- */
CALL(read, ALL)
CALL(write, ALL)
CALL(readv, ALL)
CALL(writev, ALL)
CALL(pread64, ALL)
CALL(pwrite64, ALL)
CALL(preadv, ALL)
CALL(pwritev, ALL)
CALL(preadv2, ALL)
CALL(pwritev2, ALL)
CALL(io_uring_enter, V)
CALL(io_uring_setup, L)
CALL(io_uring_register, L)
CALL(close, ALL)
CALL(lseek, ALL)
CALL(fstat, ALL)
CALL(newfstatat, S)
CALL(statx, W)
CALL(fcntl, ALL)
CALL(dup, S)
CALL(dup3, L)
CALL(pipe2, L)
CALL(ppoll, V)
CALL(epoll_ctl, V)
CALL(epoll_pwait, L)
CALL(fsync, W)
CALL(fdatasync, W)
CALL(fallocate, ALL) /* a hole where memory or a disk was */
CALL(ftruncate, W)
CALL(flock, S)
CALL(getrandom, V) /* the guest's entropy */

/* --- Files by name --- */
CALL(openat, S | F)
CALL(openat2, S)
CALL(renameat, S | F)
CALL(renameat2, S)
CALL(unlinkat, S)
CALL(linkat, S)
CALL(symlinkat, S)
CALL(mkdirat, S)
CALL(mknodat, S)
CALL(readlinkat, S)
CALL(getdents64, S)
CALL(faccessat, L)
CALL(faccessat2, L)
CALL(fchmod, S)
CALL(fchmodat, S)
CALL(fchownat, S)
CALL(fchown, S)
CALL(utimensat, S)
CALL(truncate, S)
CALL(statfs, S)
CALL(fstatfs, S)
CALL(getcwd, L)
CALL(setxattr, S)
CALL(getxattr, S)
CALL(listxattr, S)
CALL(removexattr, S)
CALL(fsetxattr, S)
CALL(fgetxattr, S)
CALL(flistxattr, S)
CALL(fremovexattr, S)

/* --- Sockets: control, consoles, gdb, passt, vhost-user, vsock --- */
CALL_IF(socket, L, 0, 0xffffffff,
	AF_UNIX) /* to a program that listens for the guest's vsock; systemd */
CALL(connect, L)
CALL(accept4, L)
CALL(recvfrom, V)
CALL(recvmsg, V)
CALL(sendto, V)
CALL(sendmsg, V)
CALL(shutdown, L)
CALL(getsockopt, V)
CALL(setsockopt, L)
CALL(getsockname, L)

/* --- Who and what we are: `lkvm stat`, reports --- */
CALL(getppid, L)
CALL(getuid, L)
CALL(geteuid, L)
CALL(getgid, L)
CALL(getegid, L)
CALL(getgroups, L)
CALL(getpgid, L)
CALL(getrusage, L)
CALL(prlimit64, L)
CALL(sysinfo, L)
CALL(uname, L)

/* --- Devices of the host --- */
IOCTL(VHOST_GET_FEATURES, V)
IOCTL(VHOST_SET_FEATURES, V)
IOCTL(VHOST_SET_OWNER, V)
IOCTL(VHOST_RESET_OWNER, V)
IOCTL(VHOST_SET_MEM_TABLE, V)
IOCTL(VHOST_SET_LOG_BASE, V)
IOCTL(VHOST_SET_LOG_FD, V)
IOCTL(VHOST_SET_VRING_NUM, V)
IOCTL(VHOST_SET_VRING_ADDR, V)
IOCTL(VHOST_SET_VRING_BASE, V)
IOCTL(VHOST_GET_VRING_BASE, V)
IOCTL(VHOST_SET_VRING_KICK, V)
IOCTL(VHOST_SET_VRING_CALL, V)
IOCTL(VHOST_SET_VRING_ERR, V)
IOCTL(VHOST_NET_SET_BACKEND, V)
IOCTL(VHOST_VSOCK_SET_GUEST_CID, V)
IOCTL(VHOST_VSOCK_SET_RUNNING, V)
IOCTL(TUNSETOFFLOAD, V)
IOCTL(TUNSETVNETHDRSZ, V)
IOCTL(TUNSETQUEUE, V)
IOCTL(BLKGETSIZE64, L) /* a device of another size: lkvm resize */
IOCTL(BLKDISCARD, D)
IOCTL(BLKZEROOUT, D)
IOCTL(TCGETS, V) /* isatty() */
IOCTL(TCSETS, L)
IOCTL(TCSETSW, L)
IOCTL(TCSETSF, L)
IOCTL(TIOCGWINSZ, L)
IOCTL(TIOCSWINSZ, L)
IOCTL(TIOCGPGRP, L)
IOCTL(TIOCGPTN, L) /* a console's pty for whoever asks */
IOCTL(TIOCSPTLCK, L)
IOCTL(FIONREAD, L)

#undef B
#undef L
#undef F
#undef V
#undef D
#undef S
#undef W
#undef ALL
