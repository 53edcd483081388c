package ui

// Board is records in columns, one for each status. A card goes to another column by its menu, which needs no script; where scripts run, it
// is also dragged, or carried by keys. Whether it may go there is for the server to say.
type Board struct {
	ID, Label string
	View      View
	Filters   []Field // what the board can be narrowed by; their values are those of the view
	Columns   []BoardColumn
	Empty     Nothing // what is said where no column has a card; without a title nothing is
}

// BoardColumn is the cards of one status.
type BoardColumn struct {
	ID, Title string
	Tone      Tone
	Count     string // how many there are, or are at least
	More      string // address of all of them; empty where all are here
	Step      string // the step that leads a card here
	Cards     []Card
}

// Card is one record.
type Card struct {
	ID, Name, Href string
	Marks          []Cell
	Lines          []string
	Moves          []Step // its ways to other columns; none where it stays
	// Move is the address that any step is sent to, with {step} in its place, Key what begins the Idempotency-Key of that, and Back where it
	// leads back to.
	Move, Key, Back string
}
