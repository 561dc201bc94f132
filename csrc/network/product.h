/* Matrix products that can be interrupted. */
#ifndef PB_PRODUCT_H
#define PB_PRODUCT_H

#include "base/thread_pool.h"
#include "network/network.h"

/* C = A B in blocks, with a check of the stop token after each: PB_INTERRUPTED leaves C unfinished.
 */
pb_status pb_product_interruptible(const pb_network *network, const pb_product *product,
                                   pb_stop_token *stop_token);

#endif
