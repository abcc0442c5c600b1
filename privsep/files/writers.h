/*
 * Is a file still open for writing anywhere? A descriptor that another process was handed cannot be taken back;
 * whether it was given back, the kernel tells when it is asked for a lease (fcntl(2), F_SETLEASE).
 */
#ifndef PRIVSEP_FILES_WRITERS_H
#define PRIVSEP_FILES_WRITERS_H

struct writers {
	int fd;		/* of the same file, never handed out; -1: none */
	int lease;	/* the kind that fd may ask for */
};

/* Begin with a file that may be written to by its name. 0 or -errno. */
int writers_init(struct writers *writers, int dir_fd, const char *name);

/*
 * Wait a moment until nobody has the file open for writing any more, oneself included.
 * Returns 0, also on a file system that cannot tell; -EBUSY when somebody has.
 */
int writers_wait_gone(const struct writers *writers);

void writers_close(struct writers *writers);

#endif
