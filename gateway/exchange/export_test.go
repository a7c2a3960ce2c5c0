package exchange

// ReviewDue says when a review is due.
var ReviewDue = reviewDue
