/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores to devices, each one instruction with a plain register as its address: the kind
 * whose width and register a hypervisor is told. (From C's volatile a compiler may make others.)
 */
#ifndef GUEST_MMIO_H
#define GUEST_MMIO_H

#include <stdint.h>

#define MMIO_ACCESSORS(bits, load, store, reg)                                                 \
	static inline uint##bits##_t mmio_read##bits(uint64_t address)                         \
	{                                                                                      \
		uint64_t value;                                                                \
		__asm__ volatile(load " %" reg "0, [%1]\n\tdsb sy"                             \
				 : "=r"(value)                                                 \
				 : "r"(address)                                                \
				 : "memory");                                                  \
		return (uint##bits##_t)value;                                                  \
	}                                                                                      \
	static inline void mmio_write##bits(uint64_t address, uint##bits##_t value)            \
	{                                                                                      \
		__asm__ volatile("dsb sy\n\t" store " %" reg "0, [%1]" ::"r"((uint64_t)value), \
				 "r"(address)                                                  \
				 : "memory");                                                  \
	}

MMIO_ACCESSORS(8, "ldrb", "strb", "w")
MMIO_ACCESSORS(16, "ldrh", "strh", "w")
MMIO_ACCESSORS(32, "ldr", "str", "w")
MMIO_ACCESSORS(64, "ldr", "str", "x")

#endif
