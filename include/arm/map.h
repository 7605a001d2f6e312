/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine the guest sees. It serves guests written for QEMU's virt machine and guests written
 * for kvmtool, unmodified; numbers that a guest of either could have built in are theirs.
 *
 *	0x0100_0000  uart8250 0..3, 0x1000 apart (kvmtool's address)
 *	0x0800_0000  GICD
 *	0x0801_0000  GICC (GICv2)
 *	0x0802_0000  GICv2m frame (GICv2 and PCI devices)
 *	0x0808_0000  ITS (GICv3 and PCI devices)
 *	0x080a_0000  GICR (GICv3), first 123 CPUs
 *	0x0901_0000  PL031
 *	0x0903_0000  power and reset (PSCI 0.1 only)
 *	0x0904_0000  PL061 with the power button
 *	0x0906_0000  pvpanic (as the example of its binding has it)
 *	0x0a00_0000  virtio-mmio, 32 slots, 0x200 apart
 *	0x1000_0000  PCI memory, 32-bit window
 *	0x3f00_0000  PCI configuration space (ECAM) of bus 0
 *	0x4000_0000  RAM
 *	above RAM    GICR of further CPUs
 *	above that   PCI memory, 64-bit window: 4 GiB at a multiple of 4 GiB, where the host has room
 *
 *	SPI 2 PL031   3..6 PCI INTA to INTD   7 PL061   8..11 UARTs   16..47 virtio-mmio   48..111 GICv2m
 */
#ifndef LKVM_ARM_MAP_H
#define LKVM_ARM_MAP_H

#include "util/bits.h"

#define MAP_UART        0x01000000ULL
#define MAP_UART_STRIDE 0x1000ULL
#define MAP_UART_NR     4

#define MAP_GICD        0x08000000ULL
#define MAP_GICD_SIZE   0x10000ULL
#define MAP_GICC        0x08010000ULL
#define MAP_GICC_SIZE   0x2000ULL
#define MAP_GICV2M      0x08020000ULL
#define MAP_GICV2M_SIZE 0x1000ULL
#define MAP_ITS         0x08080000ULL
#define MAP_ITS_SIZE    0x20000ULL
#define MAP_GICR        0x080a0000ULL
#define MAP_GICR_SIZE   0x20000ULL /* a CPU: RD_base and SGI_base, 64 KiB each */
#define MAP_GICR_LOW_NR 123

#define MAP_RTC      0x09010000ULL
#define MAP_RTC_SIZE 0x1000ULL
#define MAP_SYSCON   0x09030000ULL
#define MAP_GPIO     0x09040000ULL
#define MAP_PVPANIC  0x09060000ULL

#define MAP_VIRTIO        0x0a000000ULL
#define MAP_VIRTIO_STRIDE 0x200ULL
#define MAP_VIRTIO_NR     32

#define MAP_PCI_LOW       0x10000000ULL
#define MAP_PCI_LOW_SIZE  0x2eff0000ULL
#define MAP_PCI_ECAM      0x3f000000ULL
#define MAP_PCI_HIGH_SIZE (4 * GiB) /* and its alignment */

#define MAP_RAM          0x40000000ULL
#define MAP_RAM_SIZE_MIN (1 * MiB)
#define MAP_RAM_SIZE_MAX (1 * TiB)

/* Redistributors that do not fit below: behind RAM, at the next multiple of this. */
#define MAP_HIGH_ALIGN (1 * GiB)

/* Interrupts: SPI numbers (INTID - 32), and PPI numbers (INTID - 16). */
#define MAP_SPI_RTC       2
#define MAP_SPI_PCI       3 /* 3..6 */
#define MAP_SPI_GPIO      7
#define MAP_SPI_UART      8  /* 8..11 */
#define MAP_SPI_VIRTIO    16 /* 16..47 */
#define MAP_SPI_GICV2M    48 /* 48..111 */
#define MAP_SPI_GICV2M_NR 64
/* How many there are: all of them, those up to the virtio-mmio slots', and those before. */
#define MAP_SPI_NR        128
#define MAP_SPI_NR_VIRTIO 64
#define MAP_SPI_NR_BOARD  32

#define MAP_PPI_TIMER_SECURE 13
#define MAP_PPI_TIMER_PHYS   14
#define MAP_PPI_TIMER_VIRT   11
#define MAP_PPI_TIMER_HYP    10
#define MAP_PPI_PMU          7

#define MAP_CPUS_MAX 512

#endif
