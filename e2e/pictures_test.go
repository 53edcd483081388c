//go:build pictures

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestPictures writes the pictures of the README, of the demo data as it is loaded.
func TestPictures(t *testing.T) {
	var found struct{ Items []madeRecord }
	app.ask(t, app.client(t, "client"), "client", "GET", "/api/v2/leads?sort=-score&limit=1", nil, &found)
	for _, p := range []struct {
		name, portal, address, theme string
		width, height                int64
		phone                        bool
	}{
		{"dashboard", "client", "/dashboard", "", 1280, 800, false},
		{"leads", "client", "/leads", "client:harbor~light~cozy~auto", 1280, 800, false},
		{"escalations", "provider", "/provider/escalations?view=board", "admin:midnight~dark~cozy~auto", 1280, 800, false},
		{"phone", "client", "/leads/" + found.Items[0].ID, "", 390, 800, true},
	} {
		b := open(t, p.portal, view{p.name, p.width, p.height, p.phone})
		if scope, value, ok := strings.Cut(p.theme, ":"); ok {
			_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: "sf_theme_" + scope, Value: value, URL: app.url, Path: "/"})
			b.must("cookie", err)
		}
		b.get(p.address)
		b.await("the stream", isLive)
		ctx, end := b.within()
		defer end()
		shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: "png"})
		b.must("picture", err)
		b.must("picture", os.WriteFile(filepath.Join("..", "docs", "pictures", p.name+".png"), shot.Data, 0o644))
	}
}
