/* SPDX-License-Identifier: BSD-2-Clause */
/* The GPIO controller. A pin interrupts by its level, or by edges, which are remembered until they are cleared. */
#include "hw/pl061.h"
#include "util/bits.h"

/* Registers (DDI 0190, 3.2). */
enum {
	GPIODATA = 0x000, /* up to 0x3fc: address bits 9 to 2 are a mask of pins */
	GPIODIR = 0x400,
	GPIOIS = 0x404,
	GPIOIBE = 0x408,
	GPIOIEV = 0x40c,
	GPIOIE = 0x410,
	GPIORIS = 0x414,
	GPIOMIS = 0x418,
	GPIOIC = 0x41c,
	GPIOAFSEL = 0x420,
	GPIOPeriphID0 = 0xfe0, /* four, then four of GPIOPCellID */
};

/* The pins as they are. */
static uint8_t levels(const struct pl061 *gpio)
{
	return (uint8_t)((gpio->input & ~gpio->dir) | (gpio->output & gpio->dir));
}

/* GPIORIS: of pins that interrupt by their level, those that have it; of the others, what was seen. */
static uint8_t raw(const struct pl061 *gpio)
{
	uint8_t active = (uint8_t) ~(levels(gpio) ^ gpio->iev);

	return (uint8_t)((active & gpio->is) | (gpio->edges & ~gpio->is));
}

/* After anything changed, when the pins were as in @before. */
static void update(struct pl061 *gpio, uint8_t before)
{
	uint8_t now = levels(gpio);
	uint8_t changed = now ^ before;
	uint8_t wanted = (uint8_t)(gpio->ibe | ~(now ^ gpio->iev));

	gpio->edges |= changed & wanted & (uint8_t)~gpio->is;
	irq_set(&gpio->irq, raw(gpio) & gpio->ie);
}

static uint32_t read_id(uint64_t off)
{
	static const uint8_t ids[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return off % 4 ? 0 : ids[(off - GPIOPeriphID0) / 4];
}

/* The register at @off that only holds what is written to it, or NULL. */
static uint8_t *plain_register(struct pl061 *gpio, uint64_t off)
{
	switch (off) {
	case GPIODIR:
		return &gpio->dir;
	case GPIOIS:
		return &gpio->is;
	case GPIOIBE:
		return &gpio->ibe;
	case GPIOIEV:
		return &gpio->iev;
	case GPIOIE:
		return &gpio->ie;
	case GPIOAFSEL:
		return &gpio->afsel;
	default:
		return NULL;
	}
}

static uint64_t pl061_read(void *dev, uint64_t off, unsigned int len)
{
	struct pl061 *gpio = dev;
	const uint8_t *plain = plain_register(gpio, off);

	(void)len;
	if (off < GPIODIR)
		return levels(gpio) & off >> 2;
	if (plain)
		return *plain;
	if (off == GPIORIS)
		return raw(gpio);
	if (off == GPIOMIS)
		return raw(gpio) & gpio->ie;
	return off >= GPIOPeriphID0 ? read_id(off) : 0;
}

static void pl061_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct pl061 *gpio = dev;
	uint8_t *plain = plain_register(gpio, off);
	uint8_t before = levels(gpio), mask = (uint8_t)(off >> 2);

	(void)len;
	if (off < GPIODIR)
		gpio->output = (uint8_t)((gpio->output & ~mask) | (value & mask));
	else if (plain)
		*plain = (uint8_t)value;
	else if (off == GPIOIC)
		gpio->edges &= (uint8_t)~value;
	update(gpio, before);
}

const struct mmio_ops pl061_mmio = { .read = pl061_read, .write = pl061_write };

void pl061_set_pin(struct pl061 *gpio, unsigned int pin, bool level)
{
	uint8_t before = levels(gpio), bit = (uint8_t)(1U << pin);

	gpio->input = (uint8_t)(level ? gpio->input | bit : gpio->input & ~bit);
	update(gpio, before);
}

static const struct dt_field fields[] = {
	DT_FIELD(pl061, input), DT_FIELD(pl061, output), DT_FIELD(pl061, dir),
	DT_FIELD(pl061, is),    DT_FIELD(pl061, ibe),    DT_FIELD(pl061, iev),
	DT_FIELD(pl061, ie),    DT_FIELD(pl061, afsel),  DT_FIELD(pl061, edges),
};

void pl061_save(const struct pl061 *gpio, struct dt *dt)
{
	dt_fields(dt, gpio, fields, ARRAY_SIZE(fields));
}

void pl061_restore(struct pl061 *gpio, struct dt_in *in, int node)
{
	struct pl061 state = *gpio;

	dt_in_fields(in, node, &state, fields, ARRAY_SIZE(fields));
	if (in->ret < 0)
		return;
	*gpio = state;
	update(gpio, levels(gpio));
}

void pl061_init(struct pl061 *gpio, struct irq irq)
{
	*gpio = (struct pl061){ .irq = irq };
	pthread_mutex_init(&gpio->lock, NULL);
}

void pl061_destroy(struct pl061 *gpio)
{
	pthread_mutex_destroy(&gpio->lock);
}
