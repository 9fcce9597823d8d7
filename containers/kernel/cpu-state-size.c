/* Prints the bytes that this CPU needs to save a process's extended state. */
#include <cpuid.h>
#include <stdio.h>

int main(void)
{
	unsigned int eax, enabled, supported, edx;

	/* Leaf 0xD: EBX for the features that the host kernel enabled, ECX for all it could. */
	if (!__get_cpuid_count(0xd, 0, &eax, &enabled, &supported, &edx))
		enabled = supported = 512; /* no XSAVE: FXSAVE's area */
	printf("%u\n", supported > enabled ? supported : enabled);
	return 0;
}
