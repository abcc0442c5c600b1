/* The word "stop", looked for while a long operation runs. */
#ifndef PRIVSEP_FILES_STOP_H
#define PRIVSEP_FILES_STOP_H

struct stop {
	int channel;	/* to the protocol process */
	int error;	/* the channel ended or something else than stop came: -errno; the session ends */
};

/* Look, without waiting. 0: go on; -ECANCELED: the operation is to end now. */
int stop_check(struct stop *stop);

#endif
