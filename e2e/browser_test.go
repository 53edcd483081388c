package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take for one thing. It is long: a machine that does other work too is no fault of the page.
const patience = 30 * time.Second

// browser is the one Chromium of a run; every tab is a person of its own in it.
type browser struct {
	ctx   context.Context
	close func()
}

// openBrowser finds Chromium by its name and starts it.
func openBrowser() (*browser, error) {
	var path string
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return nil, errors.New("no Chromium is installed: on Debian, apt-get install -y chromium-headless-shell")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-component-update", true), chromedp.Flag("font-render-hinting", "none"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has none; the pages are our own
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(allocator)
	b := &browser{ctx: ctx, close: func() { endBrowser(); endAllocator() }}
	if err := chromedp.Do(ctx); err != nil { // with a deadline here the browser would end with it
		b.close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

// view is what a page is seen on.
type view struct {
	name          string
	width, height int64
	phone         bool
}

var views = []view{{"desktop", 1440, 900, false}, {"phone", 390, 844, true}}

// tab is a person with a browser.
type tab struct {
	t       *testing.T
	ctx     context.Context
	expects int64 // a status that a page of it answers, and that Chromium tells as an error
	mu      sync.Mutex
	faults  []string
}

// open is a new person, signed in to a portal; nobody where it is empty.
func open(t *testing.T, portal string, v view) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(chrome.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx}
	b.must("watch", chromedp.Listen(ctx, b.watch))
	var options []chromedp.EmulateViewportOption
	if v.phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do("size", chromedp.EmulateViewport(v.width, v.height, options...))
	b.scheme("light")
	if portal != "" {
		b.enter(app.client(t, portal))
	}
	return b
}

// enter makes somebody of a tab who has signed in without it.
func (b *tab) enter(who *http.Client) {
	b.t.Helper()
	origin, err := url.Parse(app.url)
	b.must("address", err)
	for _, cookie := range who.Jar.Cookies(origin) {
		_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: app.url, Path: "/", HTTPOnly: new(true)})
		b.must("cookie", err)
	}
}

// watch notes what no page may do. It sees every event before the answer to what caused it.
func (b *tab) watch(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.fault("console: " + said(e.Args))
		}
	case *runtime.EventExceptionThrown:
		b.fault("exception: " + exception(e.ExceptionDetails))
	case *cdplog.EventEntryAdded:
		// A policy that was broken is such an entry, and a file that is not there.
		if e.Entry.Level == cdplog.EntryLevelError {
			b.fault(string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		// Chromium draws its own pickers from data: addresses; a page that did would break its policy, which is told above.
		if !strings.HasPrefix(e.Request.URL, app.url+"/") && !strings.HasPrefix(e.Request.URL, "data:") {
			b.fault("request to another origin: " + e.Request.URL)
		}
	}
}

func said(args []*runtime.RemoteObject) string {
	var all []string
	for _, a := range args {
		all = append(all, string(a.Value)+a.Description)
	}
	return strings.Join(all, " ")
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

func (b *tab) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// quiet fails where a page did what none may do.
func (b *tab) quiet(t *testing.T) {
	t.Helper()
	for _, fault := range b.noted() {
		t.Error(fault)
	}
}

// noted is what pages did since it was last asked for, without what is expected of them.
func (b *tab) noted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	expected := fmt.Sprintf("network: Failed to load resource: the server responded with a status of %d ", b.expects)
	all := slices.DeleteFunc(b.faults, func(fault string) bool { return b.expects != 0 && strings.HasPrefix(fault, expected) })
	b.faults, b.expects = nil, 0
	return all
}

func (b *tab) must(what string, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// within is the tab for one thing that it does.
func (b *tab) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, patience)
}

func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	b.must(what, chromedp.Do(ctx, actions...))
}

// eval asks the page; a promise is waited for.
func eval[T any](b *tab, what, script string) T {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	b.must(what, err)
	return v
}

// visit opens an address of the program and answers with the status.
func (b *tab) visit(address string) int64 {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(app.url+address))
	b.must("open "+address, err)
	if answer == nil {
		b.t.Fatalf("open %s: the page was left before it answered", address)
	}
	return answer.Status
}

// get opens an address that has to be there.
func (b *tab) get(address string) {
	b.t.Helper()
	if status := b.visit(address); status != http.StatusOK {
		b.t.Fatalf("%s answered %d", address, status)
	}
}

// scheme is what the system of the person is: light or dark.
func (b *tab) scheme(name string) {
	b.t.Helper()
	ctx, end := b.within()
	defer end()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.must("colour scheme", err)
}
