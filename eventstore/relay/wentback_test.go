package relay

import (
	"testing"
	"time"
)

func TestDatabaseWentBack(t *testing.T) {
	for name, c := range map[string]struct{ keep, again int }{
		"and is behind the stream":  {50, 10},
		"and is ahead of it again":  {50, 100},
		"and has lost everything":   {0, 0},
		"and stands where it stood": {50, 50},
	} {
		t.Run(name+", relay stopped", func(t *testing.T) {
			l, r, js, stop := published(t, 100)
			stop()
			l.goBack(int64(c.keep))
			for range c.again {
				l.append(1)
			}
			r.inspectEvery = inspectEvery // or it would poll as often
			run(t, r.serve)
			waitFor(t, "the stream to be made afresh", func() bool { return r.Status().Remade == 2 && r.Status().Epoch == 2 })
			l.caughtUp(js)
			l.verifyAll(js, 1)
			if head := l.head(); head.Epoch != 2 || l.Epoch(1) != 2 {
				t.Errorf("epochs %d %d, want 2", head.Epoch, l.Epoch(1))
			}
			for i := range 3 { // this node's own commits are heard of at once again
				begun := time.Now()
				position := l.append(1)
				waitFor(t, "an append", func() bool { return r.Head() == position })
				if took := time.Since(begun); took > pollEvery/2 && i > 0 {
					t.Errorf("published after %s", took)
				}
			}
		})
		t.Run(name+", relay running", func(t *testing.T) {
			l, r, js, _ := published(t, 100)
			l.goBack(int64(c.keep))
			l.append(1)
			for range c.again {
				l.append(1)
			}
			waitFor(t, "the stream to be made afresh", func() bool { return r.Status().Remade >= 2 })
			stop := l.load(4)
			time.Sleep(100 * time.Millisecond)
			stop()
			l.caughtUp(js)
			l.verifyAll(js, 1)
			if head := l.head(); head.Epoch != 2 {
				t.Errorf("epoch %d, want 2", head.Epoch)
			}
		})
	}
}

// A copy from before the last loss has forgotten the epoch as well: it must not be given twice.
func TestDatabaseWentBackBeforeItWentBack(t *testing.T) {
	l, r, js, stop := published(t, 100)
	stop()
	for remade := 2; remade < 4; remade++ {
		l.goBack(50)
		l.tamper(`update log.lane set epoch = 1`)
		for range 10 {
			l.append(1)
		}
		end := run(t, r.serve)
		waitFor(t, "the stream to be made afresh", func() bool { return r.Status().Remade == remade })
		l.caughtUp(js)
		end()
		l.verifyAll(js, 1)
	}
	if head := l.head(); head.Epoch != 3 {
		t.Errorf("epoch %d, want 3", head.Epoch)
	}
	// Even if nothing but the epoch was lost: cursors of the forgotten one are about.
	l.tamper(`update log.lane set epoch = 1`)
	run(t, r.serve)
	waitFor(t, "the stream to be made afresh", func() bool { return r.Status().Remade == 4 })
	if head := l.head(); head.Epoch != 4 {
		t.Errorf("epoch %d, want 4", head.Epoch)
	}
}

func TestEmptiedStreamAheadOfTheLog(t *testing.T) {
	l, r, js, stop := published(t, 100)
	stop()
	if err := streamOf(t, js).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.goBack(50)
	run(t, r.serve)
	l.caughtUp(js)
	l.verifyAll(js, 1)
	if head := l.head(); head.Epoch != 2 {
		t.Errorf("epoch %d, want 2", head.Epoch)
	}
}
