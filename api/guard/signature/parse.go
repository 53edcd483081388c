package signature

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"
)

// parsed is a signature as it stands in the headers, syntax and profile checked, nothing proved.
type parsed struct {
	input
	params string // the value of @signature-params
	mac    []byte
}

// parse reads Signature-Input and Signature. Every error is about the form.
func parse(h http.Header) (parsed, error) {
	inputLine, err := single(h, "Signature-Input")
	if err != nil {
		return parsed{}, err
	}
	signatureLine, err := single(h, "Signature")
	if err != nil {
		return parsed{}, err
	}
	if len(inputLine)+len(signatureLine)+len(strings.Join(h.Values("Content-Digest"), ",")) > maxHeader {
		return parsed{}, errors.New("signature headers are too long")
	}
	p, err := parseInput(inputLine)
	if err != nil {
		return parsed{}, err
	}
	p.mac, err = parseSignature(signatureLine)
	return p, err
}

// single returns the one line of a header. Lines could be combined, but no client of ours has two.
func single(h http.Header, name string) (string, error) {
	lines := h.Values(name)
	if len(lines) != 1 {
		return "", fmt.Errorf("%s: %d header lines, needs 1", name, len(lines))
	}
	return strings.Trim(lines[0], " \t"), nil
}

// member parses a dictionary that holds our label and nothing else.
func member(name, line string) (httpsfv.Member, error) {
	dictionary, err := httpsfv.UnmarshalDictionary([]string{line})
	if err != nil {
		return nil, fmt.Errorf("%s is not a dictionary", name)
	}
	value, ok := dictionary.Get(Label)
	if !ok || len(dictionary.Names()) != 1 {
		return nil, fmt.Errorf("%s must hold %s and nothing else", name, Label)
	}
	return value, nil
}

func parseSignature(line string) ([]byte, error) {
	value, err := member("Signature", line)
	if err != nil {
		return nil, err
	}
	item, ok := value.(httpsfv.Item)
	if !ok {
		return nil, errors.New("Signature is not a byte sequence")
	}
	mac, ok := item.Value.([]byte)
	if !ok || len(mac) != sha256.Size {
		return nil, errors.New("Signature is not 32 bytes")
	}
	// Written back it must be the same text: base64 has spare bits, a dictionary allows a name twice.
	canonical, err := httpsfv.Marshal(httpsfv.NewItem(mac))
	if err != nil || Label+"="+canonical != line {
		return nil, errors.New("Signature is not in canonical form")
	}
	return mac, nil
}

func parseInput(line string) (parsed, error) {
	value, err := member("Signature-Input", line)
	if err != nil {
		return parsed{}, err
	}
	list, ok := value.(httpsfv.InnerList)
	if !ok {
		return parsed{}, errors.New("Signature-Input is not an inner list")
	}
	params, err := marshalInnerList(list)
	if err != nil || Label+"="+params != line {
		return parsed{}, errors.New("Signature-Input is not in canonical form")
	}
	p := parsed{params: params}
	if p.components, err = componentNames(list); err != nil {
		return parsed{}, err
	}
	if err := p.readParams(list.Params); err != nil {
		return parsed{}, err
	}
	return p, nil
}

func componentNames(list httpsfv.InnerList) ([]string, error) {
	if len(list.Items) > maxComponents {
		return nil, fmt.Errorf("covers %d components, at most %d may be", len(list.Items), maxComponents)
	}
	var names []string
	for _, item := range list.Items {
		name, ok := item.Value.(string)
		switch {
		case !ok || name == "" || name != strings.ToLower(name):
			return nil, errors.New("a component is not a lower-case string")
		case len(item.Params.Names()) > 0:
			return nil, fmt.Errorf("component %q has parameters", name)
		case slices.Contains(names, name):
			return nil, fmt.Errorf("component %q is covered twice", name)
		case name == "signature" || name == "signature-input":
			return nil, fmt.Errorf("component %q cannot be covered by itself", name)
		}
		names = append(names, name)
	}
	return names, nil
}

// readParams takes the six parameters of the profile, and no others.
func (p *parsed) readParams(params *httpsfv.Params) error {
	for _, name := range params.Names() {
		value, _ := params.Get(name)
		var ok bool
		switch name {
		case "created":
			p.created, ok = value.(int64)
		case "expires":
			p.expires, ok = value.(int64)
		case "nonce":
			p.nonce, ok = value.(string)
		case "keyid":
			p.keyID, ok = value.(string)
		case "alg":
			p.alg, ok = value.(string)
		case "tag":
			p.tag, ok = value.(string)
		default:
			return fmt.Errorf("parameter %q is not one of the profile", name)
		}
		if !ok {
			return fmt.Errorf("parameter %q has the wrong type", name)
		}
	}
	if n := len(params.Names()); n != 6 {
		return fmt.Errorf("%d of 6 parameters", n)
	}
	switch {
	case p.tag != Tag:
		return fmt.Errorf("tag is not %q", Tag)
	case p.alg != Algorithm:
		return fmt.Errorf("alg is not %q", Algorithm)
	case p.keyID == "":
		return errors.New("keyid is empty")
	case len(p.nonce) < minNonce || len(p.nonce) > maxNonce:
		return fmt.Errorf("nonce has %d characters, needs %d to %d", len(p.nonce), minNonce, maxNonce)
	}
	return nil
}
