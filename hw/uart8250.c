/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A UART behind the guest's serial lines. Called by the bus for the guest's accesses and
 * by the back end for input, both with uart->lock held.
 *
 * A transmitter that waits for the back end:
 *
 *	tx	LSR		THR written			back end has room
 *	empty	THRE, TEMT	offered; refused: kept in tx	-
 *	1..15	clear		appended to tx			offered; when empty: THRE interrupt
 *	16	clear		lost, as on the real part	offered; when empty: THRE interrupt
 *
 * The 16 places are there because a driver that saw THRE may write 16 bytes without looking again.
 */
#include "hw/uart8250.h"
#include "util/bits.h"

/* Registers by offset. DLL and DLM lie over the first two while LCR.DLAB is set. */
enum {
	RBR = 0, /* read */
	THR = 0, /* write */
	DLL = 0,
	IER = 1,
	DLM = 1,
	IIR = 2, /* read */
	FCR = 2, /* write */
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,
};

#define IER_ERBFI 0x01
#define IER_ETBEI 0x02
#define IER_ELSI  0x04
#define IER_EDSSI 0x08
#define IER_MASK  0x0f

#define IIR_MODEM   0x00
#define IIR_NONE    0x01
#define IIR_THRE    0x02
#define IIR_RDA     0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE  0x01
#define FCR_RESET_R 0x02
#define FCR_RESET_T 0x04

#define LCR_DLAB 0x80

#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DR   0x01
#define LSR_OE   0x02
#define LSR_BI   0x10
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define MSR_DELTAS 0x0f
#define MSR_TERI   0x04
#define MSR_CTS    0x10
#define MSR_DSR    0x20
#define MSR_RI     0x40
#define MSR_DCD    0x80

static bool fifos_on(const struct uart8250 *uart)
{
	return uart->fcr & FCR_ENABLE;
}

static bool loops(const struct uart8250 *uart)
{
	return uart->mcr & MCR_LOOP;
}

/* Bytes in the receiver at which the guest is told that data is available. */
static size_t rx_trigger(const struct uart8250 *uart)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return fifos_on(uart) ? level[uart->fcr >> 6] : 1;
}

/* The interrupts that are due and enabled, as the bits that enable them in IER. */
static uint8_t causes(const struct uart8250 *uart)
{
	uint8_t due = 0;

	if (uart->lsr_errors)
		due |= IER_ELSI;
	if (uart->rx.nr)
		due |= IER_ERBFI;
	if (uart->thre_pending)
		due |= IER_ETBEI;
	if (uart->msr_deltas)
		due |= IER_EDSSI;
	return due & uart->ier;
}

/* The one of the highest priority, as IIR's low nibble. */
static uint8_t interrupt(const struct uart8250 *uart)
{
	uint8_t due = causes(uart);

	if (due & IER_ELSI)
		return IIR_LINE;
	if (due & IER_ERBFI)
		return uart->rx.nr >= rx_trigger(uart) ? IIR_RDA : IIR_TIMEOUT;
	if (due & IER_ETBEI)
		return IIR_THRE;
	if (due & IER_EDSSI)
		return IIR_MODEM;
	return IIR_NONE;
}

/*
 * Only changes reach the interrupt controller: each may cost a system call. A further cause while the
 * line is high is one, as is a cause that @renewed names (bits as in IER): to the guest nothing happens,
 * but an interrupt controller that has lost sight of the line sees it again. KVM's GICv2 loses it when a
 * guest that wakes up disables and enables the distributor.
 */
static void update_irq(struct uart8250 *uart, uint8_t renewed)
{
	uint8_t old = uart->irq_causes, now = causes(uart);
	bool again = old && now & (uint8_t)(~old | renewed);

	uart->irq_causes = now;
	if (again)
		irq_set(&uart->irq, false);
	if (again || !old != !now)
		irq_set(&uart->irq, now);
}

/* Receives as many bytes as fit; without FIFOs that is one. */
static size_t receive(struct uart8250 *uart, const uint8_t *buf, size_t len)
{
	size_t room = (fifos_on(uart) ? UART8250_FIFO_SIZE : 1) - uart->rx.nr;

	return ring_put(&uart->rx, buf, len < room ? len : room);
}

/*
 * Asks for the input that was refused, once all that was taken is read: a back end that hears of
 * each single byte of room would be woken for each byte.
 */
static void ask_for_input(struct uart8250 *uart)
{
	if (uart->input_refused && !uart->rx.nr && !loops(uart)) {
		uart->input_refused = false;
		uart->backend.input_ready(uart->backend.ctx);
	}
}

static size_t send(struct uart8250 *uart, const uint8_t *buf, size_t len)
{
	return uart->backend.output ? uart->backend.output(uart->backend.ctx, buf, len) : len;
}

static void transmit(struct uart8250 *uart, uint8_t byte)
{
	uart->thre_pending = false;
	if (loops(uart)) {
		if (!receive(uart, &byte, 1))
			uart->lsr_errors |= LSR_OE;
	} else if (uart->tx.nr || !send(uart, &byte, 1)) {
		ring_put(&uart->tx, &byte, 1);
	}
	if (!uart->tx.nr)
		uart->thre_pending = true;
}

static void reset_receiver(struct uart8250 *uart)
{
	ring_drop(&uart->rx, uart->rx.nr);
	ask_for_input(uart);
}

static void reset_transmitter(struct uart8250 *uart)
{
	if (uart->tx.nr)
		uart->thre_pending = true;
	ring_drop(&uart->tx, uart->tx.nr);
}

/* FCR's other bits count only in a write with FCR_ENABLE; changing that one empties both FIFOs. */
static void write_fcr(struct uart8250 *uart, uint8_t value)
{
	uint8_t resets = FCR_RESET_R | FCR_RESET_T;

	if (!((value ^ uart->fcr) & FCR_ENABLE))
		resets &= value & FCR_ENABLE ? value : 0;
	uart->fcr = value & FCR_ENABLE ? value : 0;
	if (resets & FCR_RESET_R)
		reset_receiver(uart);
	if (resets & FCR_RESET_T)
		reset_transmitter(uart);
}

/* MSR's high half: the far end is always there and ready; in loopback MCR's outputs come back. */
static uint8_t modem_lines(const struct uart8250 *uart)
{
	if (!loops(uart))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (uart->mcr & MCR_DTR ? MSR_DSR : 0) | (uart->mcr & MCR_RTS ? MSR_CTS : 0) |
	       (uart->mcr & MCR_OUT1 ? MSR_RI : 0) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct uart8250 *uart, uint8_t value)
{
	uint8_t old = modem_lines(uart), deltas;

	uart->mcr = value & MCR_MASK;
	deltas = (old ^ modem_lines(uart)) >> 4;
	/* Of RI only the end counts: TERI is its trailing edge. */
	if (!(old & MSR_RI))
		deltas &= ~MSR_TERI;
	uart->msr_deltas |= deltas;
	ask_for_input(uart);
}

/* A disabled interrupt is forgotten; enabling it while THR is empty makes it due at once. */
static void write_ier(struct uart8250 *uart, uint8_t value)
{
	uint8_t changed = uart->ier ^ value;

	uart->ier = value & IER_MASK;
	if (changed & IER_ETBEI)
		uart->thre_pending = value & IER_ETBEI && !uart->tx.nr;
}

static uint8_t read_rbr(struct uart8250 *uart)
{
	size_t len;
	const uint8_t *oldest = ring_peek(&uart->rx, &len);
	uint8_t byte;

	if (!len)
		return 0;
	byte = *oldest;
	ring_drop(&uart->rx, 1);
	ask_for_input(uart);
	return byte;
}

static uint8_t read_iir(struct uart8250 *uart)
{
	uint8_t id = interrupt(uart);

	if (id == IIR_THRE)
		uart->thre_pending = false;
	return id | (fifos_on(uart) ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct uart8250 *uart)
{
	uint8_t lsr = uart->lsr_errors;

	uart->lsr_errors = 0;
	if (uart->rx.nr)
		lsr |= LSR_DR;
	if (!uart->tx.nr)
		lsr |= LSR_THRE | LSR_TEMT;
	return lsr;
}

static uint8_t read_msr(struct uart8250 *uart)
{
	uint8_t deltas = uart->msr_deltas;

	uart->msr_deltas = 0;
	return modem_lines(uart) | deltas;
}

static uint8_t read_reg(struct uart8250 *uart, uint64_t off)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (off) {
	case RBR:
		return dlab ? uart->dll : read_rbr(uart);
	case IER:
		return dlab ? uart->dlm : uart->ier;
	case IIR:
		return read_iir(uart);
	case LCR:
		return uart->lcr;
	case MCR:
		return uart->mcr;
	case LSR:
		return read_lsr(uart);
	case MSR:
		return read_msr(uart);
	default:
		return uart->scr;
	}
}

static void write_reg(struct uart8250 *uart, uint64_t off, uint8_t value)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (off) {
	case THR:
		if (dlab)
			uart->dll = value;
		else
			transmit(uart, value);
		break;
	case IER:
		if (dlab)
			uart->dlm = value;
		else
			write_ier(uart, value);
		break;
	case FCR:
		write_fcr(uart, value);
		break;
	case LCR:
		uart->lcr = value;
		break;
	case MCR:
		write_mcr(uart, value);
		break;
	case SCR:
		uart->scr = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

static uint64_t uart8250_read(void *dev, uint64_t off, unsigned int len)
{
	struct uart8250 *uart = dev;
	uint8_t value = read_reg(uart, off);

	(void)len;
	update_irq(uart, 0);
	return value;
}

static void uart8250_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct uart8250 *uart = dev;

	(void)len;
	write_reg(uart, off, (uint8_t)value);
	update_irq(uart, 0);
}

const struct mmio_ops uart8250_mmio = { .read = uart8250_read, .write = uart8250_write };

static size_t uart8250_input(void *ctx, const uint8_t *buf, size_t len)
{
	struct uart8250 *uart = ctx;
	size_t taken = loops(uart) ? 0 : receive(uart, buf, len);

	if (taken < len)
		uart->input_refused = true;
	update_irq(uart, taken ? IER_ERBFI : 0);
	return taken;
}

static void uart8250_output_ready(void *ctx)
{
	struct uart8250 *uart = ctx;
	const uint8_t *span;
	size_t len, taken;

	if (!uart->tx.nr)
		return;
	do {
		span = ring_peek(&uart->tx, &len);
		taken = len ? send(uart, span, len) : 0;
		ring_drop(&uart->tx, taken);
	} while (taken);
	if (!uart->tx.nr)
		uart->thre_pending = true;
	update_irq(uart, 0);
}

static const struct dt_field fields[] = {
	DT_FIELD(uart8250, ier),        DT_FIELD(uart8250, fcr),
	DT_FIELD(uart8250, lcr),        DT_FIELD(uart8250, mcr),
	DT_FIELD(uart8250, scr),        DT_FIELD(uart8250, dll),
	DT_FIELD(uart8250, dlm),        DT_FIELD(uart8250, lsr_errors),
	DT_FIELD(uart8250, msr_deltas), DT_FIELD(uart8250, thre_pending),
};

/* The bytes of a FIFO, the oldest first. */
static void save_fifo(struct dt *dt, const char *name, struct ring ring)
{
	uint8_t buf[UART8250_FIFO_SIZE];
	size_t nr = 0, len;

	while (ring.nr) {
		const uint8_t *span = ring_peek(&ring, &len);

		memcpy(buf + nr, span, len);
		nr += len;
		ring_drop(&ring, len);
	}
	dt_bytes(dt, name, buf, nr);
}

void uart8250_save(const struct uart8250 *uart, struct dt *dt)
{
	dt_fields(dt, uart, fields, ARRAY_SIZE(fields));
	save_fifo(dt, "rx", uart->rx);
	save_fifo(dt, "tx", uart->tx);
}

/* Bits that no write of a guest's can set. */
static void check_bits(struct dt_in *in, const char *name, uint8_t value, uint8_t mask)
{
	if (value & ~mask)
		dt_in_fail(in, name, "no such value");
}

/* The line is driven anew, and what waited to be sent offered again: the back end is another. */
void uart8250_restore(struct uart8250 *uart, struct dt_in *in, int node)
{
	uint8_t rx[UART8250_FIFO_SIZE], tx[UART8250_FIFO_SIZE];
	struct uart8250 state = { 0 };
	size_t nr_rx = 0, nr_tx = 0;

	dt_in_fields(in, node, &state, fields, ARRAY_SIZE(fields));
	dt_in_bytes(in, node, "rx", rx, sizeof(rx), &nr_rx);
	dt_in_bytes(in, node, "tx", tx, sizeof(tx), &nr_tx);
	check_bits(in, "ier", state.ier, IER_MASK);
	check_bits(in, "mcr", state.mcr, MCR_MASK);
	check_bits(in, "lsr_errors", state.lsr_errors, LSR_OE);
	check_bits(in, "msr_deltas", state.msr_deltas, MSR_DELTAS);
	if (!fifos_on(&state) && (state.fcr || nr_rx > 1))
		dt_in_fail(in, "fcr", "no such value");
	if (in->ret < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy((char *)uart + fields[i].off, (char *)&state + fields[i].off,
		       fields[i].size);
	ring_drop(&uart->rx, uart->rx.nr);
	ring_drop(&uart->tx, uart->tx.nr);
	ring_put(&uart->rx, rx, nr_rx);
	ring_put(&uart->tx, tx, nr_tx);
	uart->irq_causes = causes(uart);
	irq_set(&uart->irq, uart->irq_causes);
	uart8250_output_ready(uart);
}

void uart8250_init(struct uart8250 *uart, struct irq irq, struct char_backend backend)
{
	*uart = (struct uart8250){
		.irq = irq,
		.backend = backend,
		.rx = { .buf = uart->rx_buf, .size = UART8250_FIFO_SIZE },
		.tx = { .buf = uart->tx_buf, .size = UART8250_FIFO_SIZE },
		/* Reset leaves the divisor open; drivers that work out a baud rate divide by it. */
		.dll = 1,
	};
	pthread_mutex_init(&uart->lock, NULL);
}

void uart8250_destroy(struct uart8250 *uart)
{
	pthread_mutex_destroy(&uart->lock);
}

/* A break is received as a byte of 0 with LSR's BI, which belongs to the oldest byte. */
bool uart8250_break(struct uart8250 *uart, const uint8_t *then, size_t len)
{
	const uint8_t zero = 0;

	if (uart->rx.nr || !fifos_on(uart) || len >= UART8250_FIFO_SIZE || loops(uart))
		return false;
	receive(uart, &zero, 1);
	receive(uart, then, len);
	uart->lsr_errors |= LSR_BI;
	update_irq(uart, IER_ERBFI);
	return true;
}

struct char_frontend uart8250_frontend(struct uart8250 *uart)
{
	return (struct char_frontend){ .input = uart8250_input,
				       .output_ready = uart8250_output_ready,
				       .ctx = uart,
				       .lock = &uart->lock };
}
