/*
 * The schedule of a samples stream: when each tick was meant to come.  Stateless and in whole
 * numbers, so that every reader computes the same moment from the stream's facts and the number.
 */
#include "format_priv.h"

uint64_t pyro_format_tick_time(const struct pyro_stream_fact *stream, uint64_t number)
{
    unsigned __int128 spread = pyro_base_mix(stream->seed + number);
    uint64_t jitter = (uint64_t)((spread * (stream->period_ns / 2)) >> 64);
    return stream->first_ns + number * stream->period_ns + jitter;
}
