package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/streamflow/streamflow/eventstore/projection"
)

// projections names the read models that are checked: those that this program knows. They fold all lanes, so one lane says nothing of them.
func (c Config) projections(ctx context.Context) ([]string, error) {
	if c.Projector == nil || c.Lane != 0 {
		return nil, nil
	}
	states, err := c.Projector.States(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range states { // by name, then lane
		if len(names) == 0 || names[len(names)-1] != s.Name {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// checkModel folds the log once more and compares (I9). What cannot be folded or compared is a fault too: nobody can say that it is right.
func (c Config) checkModel(ctx context.Context, name string, p *progress) (faults []Fault, err error) {
	before := p.done
	differences, err := c.Projector.Verify(ctx, name, func(done, _ int64) { p.add(before + done - p.done) })
	switch {
	case errors.Is(err, projection.ErrUnknown):
		return nil, nil // of another version of the program
	case errors.Is(err, projection.ErrRebuilding), err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		return []Fault{{Invariant: invariantOf[Model], Kind: Model, Projection: name, What: err.Error()}}, nil
	}
	var texts []string
	for _, d := range differences {
		texts = append(texts, d.String())
	}
	if len(texts) > 0 {
		what := fmt.Sprintf("the log gives something else: %s", strings.Join(texts, "; "))
		faults = []Fault{{Invariant: invariantOf[Model], Kind: Model, Projection: name, What: what}}
	}
	return faults, nil
}
