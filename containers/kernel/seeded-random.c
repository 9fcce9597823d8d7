/*
 * Preloaded into the kernel's host process, it makes the random numbers of a run a function
 * of the run's seed: User Mode Linux fills the guest's random pool with getrandom(), and
 * nothing else random enters a guest.
 *
 * LOCKSTORM_RANDOM_SEED is a decimal u64. Without one, or with one that is not a number,
 * the process ends: a run that silently cannot be repeated is worse than none.
 *
 * The generator is SplitMix64 (Steele, Lea, Flood, 2014): eight lines, no state to set up,
 * and neighbouring seeds give unrelated streams. It need not be secret, only well mixed:
 * the guest's own ChaCha20 generator is seeded from it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static uint64_t state;

static void fail(const char *message)
{
	ssize_t ignored = write(2, message, strlen(message));
	(void)ignored;
	_exit(1);
}

__attribute__((constructor)) static void seed(void)
{
	const char *text = getenv("LOCKSTORM_RANDOM_SEED");
	char *end;

	if (!text || *text < '0' || *text > '9')
		fail("seeded-random: LOCKSTORM_RANDOM_SEED is not a decimal number\n");
	errno = 0;
	state = strtoull(text, &end, 10);
	if (errno || *end)
		fail("seeded-random: LOCKSTORM_RANDOM_SEED is not a decimal number\n");
}

static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
	unsigned char *bytes = buffer;

	(void)flags;
	for (size_t done = 0; done < length; done += sizeof(uint64_t)) {
		uint64_t word = next();
		size_t left = length - done;

		memcpy(bytes + done, &word, left < sizeof(word) ? left : sizeof(word));
	}
	return length;
}

int getentropy(void *buffer, size_t length)
{
	if (length > 256) {
		errno = EIO;
		return -1;
	}
	getrandom(buffer, length, 0);
	return 0;
}
