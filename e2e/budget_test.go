//go:build whole

package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/streamflow/streamflow/web/theme"
)

// What a page may weigh, packed.
const (
	firstVisit = 90_000
	nextVisit  = 30_000
	onePage    = 25_000
)

// TestPageWeight asks for every screen as a browser does that unpacks gzip.
func TestPageWeight(t *testing.T) {
	t.Parallel()
	for _, portal := range portals() {
		all := addresses(t, portal)
		c := app.client(t, portal)
		for _, address := range all {
			weigh(t, c, address)
		}
	}
}

// weigh fails where a page is too heavy.
func weigh(t *testing.T, c *http.Client, address string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.url+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip") // set by hand, the client leaves the answer packed
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes, packed by %q", address, n, answer.Header.Get("Content-Encoding"))
	if n > onePage {
		t.Errorf("%s weighs %d bytes packed, of %d", address, n, onePage)
	}
}

// TestVisits weighs all that a first visit to each dashboard loads, and all that the next one does.
func TestVisits(t *testing.T) {
	for _, portal := range portals()[1:] {
		t.Run(portal, func(t *testing.T) {
			t.Parallel()
			b := open(t, portal, views[0])
			var mu sync.Mutex
			var sum float64
			b.must("weigh", chromedp.Listen(b.ctx, func(event any) {
				mu.Lock()
				defer mu.Unlock()
				switch e := event.(type) {
				case *network.EventLoadingFinished:
					sum += e.EncodedDataLength
				}
			}))
			home := addresses(t, portal)[0]
			for i, most := range []float64{firstVisit, nextVisit} {
				mu.Lock()
				sum = 0
				mu.Unlock()
				b.get(home)
				b.await("its state", `document.readyState === "complete"`)
				mu.Lock()
				t.Logf("visit %d of %s: %.0f bytes", i+1, home, sum)
				if sum == 0 || sum > most {
					t.Errorf("visit %d of %s loads %.0f bytes, of %.0f", i+1, home, sum, most)
				}
				mu.Unlock()
			}
		})
	}
}

// TestFlash looks at every frame while somebody with a dark theme goes from page to page: none may show another theme.
func TestFlash(t *testing.T) {
	t.Parallel()
	b := open(t, "client", views[0])
	_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: "sf_theme_client", Value: "ember~dark~cozy~auto", URL: app.url, Path: "/"})
	b.must("cookie", err)
	b.get("/leads")
	if got := eval[string](b, "theme", `document.documentElement.dataset.theme`); got != "ember" {
		t.Fatalf("the page is in %s", got)
	}
	var mu sync.Mutex
	var frames []string
	b.must("frames", chromedp.Listen(b.ctx, func(event any) {
		if e, ok := event.(*page.EventScreencastFrame); ok {
			mu.Lock()
			frames = append(frames, string(e.Data))
			mu.Unlock()
			go func() {
				_, _ = chromedp.Call(b.ctx, page.ScreencastFrameAck, page.ScreencastFrameAckParams{SessionID: e.SessionID})
			}()
		}
	}))
	_, err = chromedp.Call(b.ctx, page.StartScreencast, page.StartScreencastParams{Format: "png"})
	b.must("frames", err)
	for _, address := range []string{"/dashboard", "/leads", "/appearance", "/leads/new", "/dashboard", "/screens"} {
		mu.Lock()
		before := len(frames)
		mu.Unlock()
		b.get(address)
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			mu.Lock()
			shown := len(frames) > before
			mu.Unlock()
			if shown {
				break
			}
		}
	}
	_, err = chromedp.Call(b.ctx, page.StopScreencast, cdp.Empty{})
	b.must("frames", err)
	mu.Lock()
	defer mu.Unlock()
	seen, wrong := len(frames), 0
	for _, frame := range frames {
		for _, text := range foreign(t, frame) {
			wrong++
			t.Error(text)
		}
	}
	t.Logf("%d frames, %d wrong", seen, wrong)
	if seen < 6 {
		t.Errorf("only %d frames were seen", seen)
	}
}

// foreign looks at the edge of a frame, where there is nothing but the page's ground.
func foreign(t *testing.T, frame string) []string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(frame)
	if err != nil {
		raw = []byte(frame)
	}
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	size := picture.Bounds().Size()
	r, g, bl, _ := picture.At(size.X-3, size.Y-3).RGBA()
	got := fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, bl>>8)
	if want := theme.Named("ember").Value("bg"); got != want {
		return []string{"a frame's ground is " + got + ", not " + want}
	}
	return nil
}
