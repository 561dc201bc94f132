/* Tests the learning rate schedules: scikit-learn's definitions, the published formulas, and the
 * powers and cosines that they use. */
#include "check.h"
#include "base/portable_math.h"

static const double pi = 3.14159265358979323846;

static double rate_of(const char *name, double epoch, double warmup_epochs, double length) {
    const pb_schedule s = {name, 0.1, 0.5, 20, 0.7, 3, warmup_epochs};
    double rate = 0.1;
    CHECK_SAME(pb_schedule_rate(&s, epoch, length, &rate), PB_OK, "%s", name);
    return rate;
}

/* By the formulas as published, with libm; from the horizon on those that have one stay. */
static void test_rates(void) {
    for (int k = 0; k <= 250; k++) {
        const double epoch = k / 10.0, x = epoch < 20 ? epoch / 20 : 1;
        const double cosine = 0.1 * (1 + cos(pi * x)) / 2;
        const double up = 0.004 + (0.1 - 0.004) * (1 - cos(pi * x / 0.3)) / 2;
        const double down = 4e-7 + (0.1 - 4e-7) * (1 + cos(pi * (x - 0.3) / 0.7)) / 2;
        CHECK_CLOSE(rate_of("cosine", epoch, 0, 0.1), cosine, 1e-16, "epoch %g", epoch);
        CHECK_CLOSE(rate_of("linear", epoch, 0, 0.1), 0.1 * (1 - x), 0, "epoch %g", epoch);
        CHECK_CLOSE(rate_of("one_cycle", epoch, 0, 0.1), x < 0.3 ? up : down, 1e-16, "epoch %g",
                    epoch);
        CHECK_CLOSE(rate_of("exponential", epoch, 0, 0.1), 0.1 * pow(0.7, epoch / 3), 1e-16,
                    "epoch %g", epoch);
        CHECK_CLOSE(rate_of("step", epoch, 0, 0.1), 0.1 * pow(0.7, floor(epoch / 3)), 1e-16,
                    "epoch %g", epoch);
        CHECK_CLOSE(rate_of("constant", epoch, 0, 0.1), 0.1, 0, "epoch %g", epoch);
        CHECK_CLOSE(rate_of("constant", epoch, 4, 0.1),
                    0.1 * (epoch + 0.1 < 4 ? (epoch + 0.1) / 4 : 1), 1e-16, "warm-up, epoch %g",
                    epoch);
    }
    CHECK_CLOSE(rate_of("cosine", 0, 0, 1), 0.1, 0, "the beginning is exact");
    CHECK_CLOSE(rate_of("cosine", 20, 0, 1), 0, 0, "so is the end");
    CHECK_CLOSE(rate_of("linear", 20, 0, 1), 0, 0, "so is the end");
    CHECK_CLOSE(rate_of("one_cycle", 6, 0, 1), 0.1, 1e-16, "the peak");
}

static void test_elementary(void) {
    for (int i = 0; i < 20000; i++) {
        const double x = ldexp(1 + fabs(draw()) / 2, (int)draw_below(60) - 30), y = 4 * draw();
        const double expected = pow(x, y);
        CHECK_CLOSE(pb_pow(x, y), expected, fabs(expected) * 0x1.2p-52, "%a ^ %a", x, y);
        CHECK_CLOSE(pb_cosine_decay(i / 2e4), (1 + cos(pi * i / 2e4)) / 2, 5e-16, "%d", i);
    }
    for (int n = 0; n < 60; n++) {
        CHECK_CLOSE(pb_pow(2, n), ldexp(1, n), 0, "2^%d", n);
        CHECK_CLOSE(pb_pow(0.5, n), ldexp(1, -n), 0, "2^-%d", n);
        CHECK_CLOSE(pb_pow(n + 1, 1), n + 1, 0, "%d", n);
        CHECK_CLOSE(pb_pow((n + 1.0) * (n + 1.0), 0.5), n + 1, 0, "%d", n);
        CHECK_CLOSE(pb_pow(1, 3.7 * n), 1, 0, "1^%g", 3.7 * n);
        CHECK_CLOSE(pb_pow(n + 0.1, 0), 1, 0, "%d^0", n);
    }
    CHECK(isinf(pb_pow(10, 400)) && isinf(pb_pow(1e300, 1e300)), "overflow");
    CHECK(pb_pow(0.1, 400) == 0 && pb_pow(1e-300, 1e300) == 0, "underflow");
    CHECK_CLOSE(pb_pow(0.1, 320), pow(0.1, 320), 0x1p-1074, "subnormal");
    CHECK_CLOSE(pb_cosine_decay(0), 1, 0, "exact at 0");
    CHECK_CLOSE(pb_cosine_decay(1), 0, 0, "exact at 1");
}

int main(void) {
    const pb_schedule constant = {"constant", 0.1, .power_t = 0.5},
                      inverse = {"invscaling", 0.1, .power_t = 0.5};
    const pb_schedule adaptive = {"adaptive", 0.1, .power_t = 0.5};
    double rate = 0.03;
    CHECK_SAME(pb_schedule_after_epoch(&constant, 99, &rate), PB_OK, "constant");
    CHECK_CLOSE(rate, 0.03, 0, "constant goes on with the rate it has");
    CHECK_SAME(pb_schedule_after_epoch(&adaptive, 99, &rate), PB_OK, "adaptive");
    CHECK_CLOSE(rate, 0.03, 0, "adaptive changes on a plateau only");
    CHECK_SAME(pb_schedule_after_epoch(&inverse, 99, &rate), PB_OK, "invscaling");
    CHECK_CLOSE(rate, 0.1 / 10, 1e-17, "init / (n + 1)^power, whatever the rate was");
    const pb_schedule cubic = {"invscaling", 0.5, .power_t = 3};
    CHECK_SAME(pb_schedule_after_epoch(&cubic, 1, &rate), PB_OK, "invscaling");
    CHECK_CLOSE(rate, 0.0625, 1e-17, "0.5 / 2^3");

    rate = 0.03;
    CHECK_SAME(pb_schedule_on_plateau(&adaptive, &rate), PB_OK, "adaptive");
    CHECK_CLOSE(rate, 0.03 / 5, 0, "a fifth");
    rate = 1.0000001e-6;
    CHECK_SAME(pb_schedule_on_plateau(&adaptive, &rate), PB_OK, "adaptive");
    CHECK_CLOSE(rate, 1.0000001e-6 / 5, 0, "a fifth, just above 1e-6");
    rate = 1e-6;
    CHECK_SAME(pb_schedule_on_plateau(&adaptive, &rate), PB_OK, "adaptive");
    CHECK_CLOSE(rate, 0, 0, "at 1e-6 adaptive says stop");
    const pb_schedule *const others[] = {&constant, &inverse};
    for (size_t i = 0; i < 2; i++) {
        rate = 0.03;
        CHECK_SAME(pb_schedule_on_plateau(others[i], &rate), PB_OK, "%s", others[i]->name);
        CHECK_CLOSE(rate, 0, 0, "%s says stop", others[i]->name);
    }
    test_rates();
    test_elementary();
    return check_summary();
}
