package lead

import "strings"

// HotScore is the score from which an open lead is hot.
const HotScore = 70

// Reason is one thing that counts for a lead, and how much.
type Reason struct {
	Reason string `json:"reason"`
	Points int    `json:"points"`
}

// sourcePoints says how much a lead's origin is worth. Sources are free text;
// one that is not listed adds nothing.
var sourcePoints = map[string]int{
	"referral": 20, "employee_referral": 20, "partner": 15, "lsa": 15, "rfp": 12,
	"website": 10, "event": 10, "system": 10, "manual": 5,
}

// Score is how promising a lead is, from 0 to 100, and the reasons that sum to
// it. It depends on the lead's own fields and status only, so a replay gives
// the same.
func Score(d Details, status string) (int, []Reason) {
	reasons := []Reason{{"a lead", 20}}
	add := func(given bool, reason string, points int) {
		if given && points > 0 {
			reasons = append(reasons, Reason{reason, points})
		}
	}
	source := strings.ToLower(d.Source)
	add(d.Email != "", "e-mail address known", 10)
	add(d.Phone != "", "phone number known", 10)
	add(d.Company != "", "company known", 10)
	add(d.Name != "", "name known", 5)
	add(d.Value.Amount > 0, "value estimated", 10)
	add(sourcePoints[source] > 0, "source "+source, sourcePoints[source])
	add(status == StatusContacted, "contacted", 5)
	add(status == StatusQualified || status == StatusConverted, "qualified", 15)
	total := 0
	for _, r := range reasons {
		total += r.Points
	}
	return total, reasons
}

func hot(status string, score int) int {
	if IsOpen(status) && score >= HotScore {
		return 1
	}
	return 0
}
