/* SPDX-License-Identifier: BSD-2-Clause */
/* The power button. Its pin is that of QEMU's virt machine. */
#include "button.h"
#include "gic.h"
#include "parts.h"
#include "vm/dt.h"

#define PIN 3

/* Longer than drivers wait for a key to settle, also on a slow host. */
#define PRESS_NS (NS_PER_S / 5)

/* Flags of the gpio binding: the key is pressed when the pin is high. */
#define DT_GPIO_ACTIVE_HIGH 0
#define DT_KEY_POWER        116 /* of Linux's input event codes, as the binding wants it */
#define DT_PHANDLE_GPIO     5

static void let_go(void *ctx)
{
	struct machine *m = ctx;

	pl061_set_pin(&m->button.gpio, PIN, false);
}

int button_add(struct machine *m, struct err *e)
{
	struct button *b = &m->button;

	loop_timer_init(&b->release, m->vm.loop, &b->gpio.lock, let_go, m);
	pl061_init(&b->gpio, gic_spi(&m->gic, MAP_SPI_GPIO));
	b->made = true;
	return bus_add(&m->vm.bus,
		       &(struct mmio_region){
			       .name = "gpio",
			       .base = MAP_GPIO,
			       .size = PL061_REGS_SIZE,
			       .ops = &pl061_mmio,
			       .dev = &b->gpio,
			       .lock = &b->gpio.lock,
		       },
		       e);
}

void button_remove(struct machine *m)
{
	struct button *b = &m->button;

	if (!b->made)
		return;
	loop_timer_close(&b->release);
	pl061_destroy(&b->gpio);
	b->made = false;
}

void button_press(struct machine *m)
{
	struct button *b = &m->button;
	struct timer release = loop_timer_value(&b->release);

	pthread_mutex_lock(&b->gpio.lock);
	pl061_set_pin(&b->gpio, PIN, true);
	timer_set(&release, PRESS_NS);
	pthread_mutex_unlock(&b->gpio.lock);
}

void button_fdt(struct dt *dt, uint32_t clock)
{
	static const char compatible[] = "arm,pl061\0arm,primecell";

	dt_begin(dt, "gpio@%llx", MAP_GPIO);
	dt_bytes(dt, "compatible", compatible, sizeof(compatible));
	dt_cells(dt, "reg", DT_U64(MAP_GPIO), DT_U64(PL061_REGS_SIZE));
	dt_cells(dt, "interrupts", DT_GIC_SPI, MAP_SPI_GPIO, DT_IRQ_LEVEL_HIGH);
	dt_empty(dt, "gpio-controller");
	dt_cells(dt, "#gpio-cells", 2);
	dt_empty(dt, "interrupt-controller");
	dt_cells(dt, "#address-cells", 0);
	dt_cells(dt, "#interrupt-cells", 2);
	dt_cells(dt, "clocks", clock);
	dt_string(dt, "clock-names", "apb_pclk");
	dt_cells(dt, "phandle", DT_PHANDLE_GPIO);
	dt_end(dt);
	dt_begin(dt, "gpio-keys");
	dt_string(dt, "compatible", "gpio-keys");
	dt_begin(dt, "key-power");
	dt_string(dt, "label", "power");
	dt_cells(dt, "linux,code", DT_KEY_POWER);
	dt_cells(dt, "gpios", DT_PHANDLE_GPIO, PIN, DT_GPIO_ACTIVE_HIGH);
	dt_empty(dt, "wakeup-source");
	dt_end(dt);
	dt_end(dt);
}
