//! Parses a query, or refuses it as malformed, with the column of what was not expected.

use super::lexer::{Token, tokens};
use super::{Comparison, Condition, Literal, Operator, Order, Query, QueryError, Selected};

const KEYWORDS: [&str; 9] = ["SELECT", "FROM", "WHERE", "AND", "ORDER", "BY", "LIMIT", "IN", "OR"];

pub(crate) fn parse(text: &str) -> Result<Query, QueryError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0 };
    let query = parser.query()?;
    if parser.at < parser.tokens.len() { Err(parser.unexpected()) } else { Ok(query) }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, QueryError> {
        self.keyword("SELECT")?;
        let selected = self.selected()?;
        self.keyword("FROM")?;
        let object = self.name()?;
        let mut conditions = Vec::new();
        if self.takes("WHERE") {
            conditions.push(self.condition()?);
            while self.takes("AND") {
                conditions.push(self.condition()?);
            }
        }
        let mut order = Vec::new();
        if self.takes("ORDER") {
            self.keyword("BY")?;
            order.push(self.order()?);
            while self.takes_sign(",") {
                order.push(self.order()?);
            }
        }
        let limit = if self.takes("LIMIT") { Some(self.number()?) } else { None };
        Ok(Query { selected, object, conditions, order, limit })
    }

    fn selected(&mut self) -> Result<Selected, QueryError> {
        let first = self.name()?;
        if first.eq_ignore_ascii_case("COUNT") && self.takes_sign("(") {
            self.sign(")")?;
            return Ok(Selected::Count);
        }
        let mut fields = vec![first];
        while self.takes_sign(",") {
            fields.push(self.name()?);
        }
        Ok(Selected::Fields(fields))
    }

    fn condition(&mut self) -> Result<Condition, QueryError> {
        let field = self.name()?;
        if self.takes("IN") {
            self.sign("(")?;
            let mut values = vec![self.literal()?];
            while self.takes_sign(",") {
                values.push(self.literal()?);
            }
            self.sign(")")?;
            return Ok(Condition { field, comparison: Comparison::In(values) });
        }
        let operator = self.operator()?;
        Ok(Condition { field, comparison: Comparison::Is(operator, self.literal()?) })
    }

    fn operator(&mut self) -> Result<Operator, QueryError> {
        let Some((_, Token::Sign(sign))) = self.tokens.get(self.at) else { return Err(self.unexpected()) };
        let operator = match *sign {
            "=" => Operator::Equal,
            "!=" | "<>" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(operator)
    }

    fn literal(&mut self) -> Result<Literal, QueryError> {
        let literal = match self.tokens.get(self.at) {
            Some((_, Token::Text(text))) => Literal::Text(text.clone()),
            Some((_, Token::Word(word))) if !is_keyword(word) => Literal::Bare(word.clone()),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(literal)
    }

    fn order(&mut self) -> Result<Order, QueryError> {
        let field = self.name()?;
        let descending = self.takes("DESC");
        if !descending {
            self.takes("ASC");
        }
        Ok(Order { field, descending })
    }

    fn name(&mut self) -> Result<String, QueryError> {
        let Some((_, Token::Word(word))) = self.tokens.get(self.at) else { return Err(self.unexpected()) };
        if is_keyword(word) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(word.clone())
    }

    fn number(&mut self) -> Result<usize, QueryError> {
        let name = self.name()?;
        name.parse().map_err(|_| {
            self.at -= 1;
            self.unexpected()
        })
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.takes(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let is_next =
            matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_next);
        is_next
    }

    fn sign(&mut self, sign: &str) -> Result<(), QueryError> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn takes_sign(&mut self, expected: &str) -> bool {
        let is_next = matches!(self.tokens.get(self.at), Some((_, Token::Sign(sign))) if *sign == expected);
        self.at += usize::from(is_next);
        is_next
    }

    fn unexpected(&self) -> QueryError {
        let (column, shown) = match self.tokens.get(self.at) {
            Some((column, token)) => (*column, token.show()),
            None => (self.text.len() + 1, "<EOF>".to_owned()),
        };
        let caret = format!("{}^", " ".repeat(column.saturating_sub(1)));
        let message = format!("\n{}\n{caret}\nERROR at Row:1:Column:{column}\nunexpected token: '{shown}'", self.text);
        QueryError::new("MALFORMED_QUERY", message)
    }
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_with_all_its_parts() {
        let query = parse(
            "SELECT Id, Name FROM Account WHERE Id > '001A' AND SystemModstamp <= 2026-01-01T00:00:00Z \
             AND Name IN ('a', 'b\\'c') ORDER BY SystemModstamp, Id DESC LIMIT 200",
        )
        .unwrap();
        assert_eq!(query.selected, Selected::Fields(vec!["Id".to_owned(), "Name".to_owned()]));
        assert_eq!((query.object.as_str(), query.limit, query.conditions.len()), ("Account", Some(200), 3));
        let texts = ["a", "b'c"].map(|text| Literal::Text(text.to_owned())).to_vec();
        assert_eq!(query.conditions[2].comparison, Comparison::In(texts));
        assert_eq!(query.order.iter().map(|order| order.descending).collect::<Vec<_>>(), [false, true]);
        assert_eq!(parse("select count() from Account").unwrap().selected, Selected::Count);
    }

    #[track_caller]
    fn malformed(text: &str, column: usize) {
        let error = parse(text).expect_err(text);
        assert_eq!(error.code, "MALFORMED_QUERY", "{text}");
        assert!(error.message.contains(&format!("Column:{column}\n")), "{text}: {}", error.message);
    }

    #[test]
    fn what_it_does_not_know_is_malformed_with_its_column() {
        malformed("SELECT Id, FROM Account", 12);
        malformed("SELECT Id FROM Account WHERE Id = 'a' OR Id = 'b'", 39);
        malformed("SELECT Id FROM Account WHERE (Id = 'a')", 30);
        malformed("SELECT Id FROM Account WHERE Id = 'a", 35);
        malformed("SELECT Id FROM Account LIMIT x", 30);
        malformed("SELECT Id FROM Account GROUP BY Id", 24);
        malformed("SELECT (SELECT Id FROM Contacts) FROM Account", 8);
        malformed("SELECT", 7);
        malformed("DELETE FROM Account", 1);
    }
}
