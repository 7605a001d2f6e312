/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real time clock. The counter is never stepped: it is the clock's time plus an offset, worked out
 * when the guest reads it. The alarm is found the same way, by asking whether the counter has passed the
 * match register since it was last looked at; so a masked alarm costs nothing, and RTCRIS is right nevertheless.
 */
#include "hw/pl031.h"
#include "util/bits.h"

/* Registers (DDI 0224, 3.2). */
enum {
	RTCDR = 0x000,
	RTCMR = 0x004,
	RTCLR = 0x008,
	RTCCR = 0x00c,
	RTCIMSC = 0x010,
	RTCRIS = 0x014,
	RTCMIS = 0x018,
	RTCICR = 0x01c,
	RTCPeriphID0 = 0xfe0, /* four, then four of RTCPCellID */
};

static uint32_t counter(const struct pl031 *rtc)
{
	return (uint32_t)rtc->seen + rtc->offset;
}

/*
 * Looks at the clock, and whether the counter came by the match register. Setting the host's clock
 * forward passes an alarm, setting it back does not.
 */
static void catch_up(struct pl031 *rtc)
{
	uint64_t second = rtc->clock.now(rtc->clock.ctx) / NS_PER_S;
	uint32_t to_match = rtc->match - counter(rtc);

	if (second > rtc->seen && to_match && to_match <= second - rtc->seen)
		rtc->raw = true;
	rtc->seen = second;
}

/* The interrupt line, and the timer as it has to be now. */
static void update(struct pl031 *rtc)
{
	uint32_t to_match = rtc->match - counter(rtc);
	uint64_t ns = 0;

	irq_set(&rtc->irq, rtc->raw && rtc->unmasked);
	if (rtc->unmasked && !rtc->raw && to_match)
		ns = to_match * NS_PER_S - rtc->clock.now(rtc->clock.ctx) % NS_PER_S;
	timer_set(&rtc->timer, ns);
}

static uint32_t read_id(uint64_t off)
{
	static const uint8_t ids[] = { 0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	return off % 4 ? 0 : ids[(off - RTCPeriphID0) / 4];
}

static uint64_t pl031_read(void *dev, uint64_t off, unsigned int len)
{
	struct pl031 *rtc = dev;

	(void)len;
	switch (off) {
	case RTCDR:
		catch_up(rtc);
		return counter(rtc);
	case RTCMR:
		return rtc->match;
	case RTCLR:
		return rtc->load;
	case RTCCR:
		return 1;
	case RTCIMSC:
		return rtc->unmasked;
	case RTCRIS:
		catch_up(rtc);
		return rtc->raw;
	case RTCMIS:
		catch_up(rtc);
		return rtc->raw && rtc->unmasked;
	default:
		return off >= RTCPeriphID0 ? read_id(off) : 0;
	}
}

/* RTCCR cannot stop a clock that runs. An alarm for the second that is now is due at once. */
static void pl031_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct pl031 *rtc = dev;

	(void)len;
	catch_up(rtc);
	switch (off) {
	case RTCMR:
		rtc->match = (uint32_t)value;
		rtc->raw = rtc->raw || rtc->match == counter(rtc);
		break;
	case RTCLR:
		rtc->load = (uint32_t)value;
		rtc->offset += rtc->load - counter(rtc);
		rtc->raw = rtc->raw || rtc->match == counter(rtc);
		break;
	case RTCIMSC:
		rtc->unmasked = value & 1;
		break;
	case RTCICR:
		rtc->raw = rtc->raw && !(value & 1);
		break;
	default:
		return;
	}
	update(rtc);
}

const struct mmio_ops pl031_mmio = { .read = pl031_read, .write = pl031_write };

void pl031_due(void *ctx)
{
	struct pl031 *rtc = ctx;

	catch_up(rtc);
	update(rtc);
}

static const struct dt_field fields[] = {
	DT_FIELD(pl031, seen), DT_FIELD(pl031, offset), DT_FIELD(pl031, match),
	DT_FIELD(pl031, load), DT_FIELD(pl031, raw),    DT_FIELD(pl031, unmasked),
};

void pl031_save(const struct pl031 *rtc, struct dt *dt)
{
	dt_fields(dt, rtc, fields, ARRAY_SIZE(fields));
}

/* The clock went on meanwhile: an alarm that it came by is due. */
void pl031_restore(struct pl031 *rtc, struct dt_in *in, int node)
{
	struct pl031 state = *rtc;

	dt_in_fields(in, node, &state, fields, ARRAY_SIZE(fields));
	if (in->ret < 0)
		return;
	*rtc = state;
	catch_up(rtc);
	update(rtc);
}

void pl031_init(struct pl031 *rtc, struct irq irq, struct clock clock, struct timer timer)
{
	*rtc = (struct pl031){ .irq = irq, .clock = clock, .timer = timer };
	rtc->seen = clock.now(clock.ctx) / NS_PER_S;
	pthread_mutex_init(&rtc->lock, NULL);
}

void pl031_destroy(struct pl031 *rtc)
{
	pthread_mutex_destroy(&rtc->lock);
}
