package rate

import "time"

// The arithmetic of GCRA. Times are nanoseconds on one clock, whichever that is.

// grant takes up to want tokens at now from a bucket with the given TAT; it says how many there were, and the TAT
// afterwards.
func (p Policy) grant(tat, now int64, want int) (granted int, after int64) {
	granted = min(want, p.free(tat, now))
	return granted, max(tat, now) + int64(granted)*p.interval()
}

// free counts the tokens in the bucket at now. A policy that has been made smaller since may have left fewer than
// none.
func (p Policy) free(tat, now int64) int {
	return int(max(0, (now+p.capacity()-max(tat, now))/p.interval()))
}

// wait is the time from now until the bucket has a token; zero when it has one.
func (p Policy) wait(tat, now int64) time.Duration {
	return time.Duration(max(0, tat+p.interval()-p.capacity()-now))
}

// refill is the time from now until the bucket is full.
func (p Policy) refill(tat, now int64) time.Duration {
	return time.Duration(max(0, tat-now))
}
