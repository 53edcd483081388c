package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// sendTimeout bounds a request that is sent: a bulk of 500 lines is carried out one by one.
const sendTimeout = 2 * time.Minute

// signedCall is a partner's request before it is signed.
type signedCall struct {
	method, url string
	body        []byte
	mediaType   string // of the body
	key         string // the Idempotency-Key of a write
}

// sign makes the request, signed now. One that is sent again is signed again, with the same Idempotency-Key.
func (c signedCall) sign(ctx context.Context, key signature.Key) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, c.method, c.url, bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	if len(c.body) > 0 {
		r.Header.Set("Content-Type", c.mediaType)
	}
	if c.method != http.MethodGet && c.method != http.MethodHead {
		r.Header.Set("Idempotency-Key", c.key)
	}
	return r, signature.Sign(r, key, c.body, time.Now(), signature.NewNonce())
}

type signOptions struct {
	signedCall
	key  signature.Key
	send bool
}

// sign is the verb: a signed request, printed as curl or sent.
func sign(ctx context.Context, c call) error {
	o, err := readSignOptions(c)
	if err != nil {
		return err
	}
	r, err := o.sign(ctx, o.key)
	if err != nil {
		return err
	}
	if !o.send {
		_, err := fmt.Fprintln(c.out, signature.Curl(r, o.body))
		return err
	}
	answer, err := (&http.Client{Timeout: sendTimeout}).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Fprintln(c.err, answer.Status)
	if _, err := io.Copy(c.out, answer.Body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return errors.New("the request was refused")
	}
	return nil
}

func readSignOptions(c call) (signOptions, error) {
	var o signOptions
	flags := newFlags("sign")
	flags.StringVar(&o.key.ID, "key-id", "", "the key's `id`")
	secret := flags.String("secret-file", "", "`file` that holds the key's secret in base64")
	data := flags.String("data", "", "the body: `text`, or @ and the name of a file")
	flags.StringVar(&o.mediaType, "content-type", "application/json", "the body's `type`")
	flags.StringVar(&o.signedCall.key, "idempotency-key", "", "`key` that decides about repetition (made anew)")
	flags.BoolVar(&o.send, "send", false, "send the request instead of printing it as curl")
	words, err := c.parse(flags)
	if err != nil {
		return o, err
	}
	if len(words) != 2 {
		return o, usageError{"it takes a method and an address"}
	}
	o.signedCall.key = cmp.Or(o.signedCall.key, uuid.NewString())
	o.method, o.url = strings.ToUpper(words[0]), words[1]
	if o.key.ID == "" || *secret == "" {
		return o, usageError{"--key-id and --secret-file name the key"}
	}
	text, err := os.ReadFile(*secret)
	if err != nil {
		return o, err
	}
	if o.key.Secret, err = signature.DecodeSecret(strings.TrimSpace(string(text))); err != nil {
		return o, err
	}
	o.body = []byte(*data)
	if name, found := strings.CutPrefix(*data, "@"); found {
		o.body, err = os.ReadFile(name)
	}
	return o, err
}
