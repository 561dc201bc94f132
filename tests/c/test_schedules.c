/* The learning rate over time, by scikit-learn's definitions. */
#include "check.h"

int main(void) {
    const pb_schedule constant = {"constant", 0.1, 0.5}, inverse = {"invscaling", 0.1, 0.5};
    const pb_schedule adaptive = {"adaptive", 0.1, 0.5};
    double rate = 0.03;
    CHECK_SAME(pb_schedule_after_epoch(&constant, 99, &rate), PB_OK, "constant");
    CHECK_CLOSE(rate, 0.03, 0, "constant goes on with the rate it has");
    CHECK_SAME(pb_schedule_after_epoch(&adaptive, 99, &rate), PB_OK, "adaptive");
    CHECK_CLOSE(rate, 0.03, 0, "adaptive changes on a plateau only");
    CHECK_SAME(pb_schedule_after_epoch(&inverse, 99, &rate), PB_OK, "invscaling");
    CHECK_CLOSE(rate, 0.1 / 10, 1e-17, "init / (n + 1)^power, whatever the rate was");
    const pb_schedule cubic = {"invscaling", 0.5, 3};
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
    return check_summary();
}
