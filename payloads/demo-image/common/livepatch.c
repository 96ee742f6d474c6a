/* The two functions of the live-patch code that action hooks call. */
#include "demo.h"

struct payload {
    int state;
};

static int applied_payloads __attribute__((used));

static APART int apply_payload(struct payload *payload)
{
    payload->state = 2;
    return applied_payloads++ < 0 ? -22 : 0;
}

int revert_payload(struct payload *payload)
{
    payload->state = 1;
    applied_payloads--;
    return 0;
}

int livepatch_do_action(struct payload *payload, int apply)
{
    return apply ? apply_payload(payload) : revert_payload(payload);
}
