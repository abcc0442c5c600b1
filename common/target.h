/* SPDX-License-Identifier: ISC */
/*
 * Processors that the server is written for. The Makefile shows this file to the compiler before anything else.
 * Another one needs the tables of privsep/sandbox read again, and its line here and in the Makefile.
 */
#ifndef COMMON_TARGET_H
#define COMMON_TARGET_H

#ifndef __linux__
#error "sallyport runs on Linux alone: its walls are seccomp and Landlock"
#elif !defined(__LP64__)
#error "sallyport needs x86_64, aarch64 or riscv64: its allow-lists know no 32-bit system calls"
#elif !defined(__x86_64__) && !defined(__aarch64__) && !(defined(__riscv) && __riscv_xlen == 64)
#error "sallyport needs x86_64, aarch64 or riscv64: its allow-lists know no other system calls"
#elif __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "sallyport needs a little-endian processor: its filters and files are written for that"
#endif

#endif
