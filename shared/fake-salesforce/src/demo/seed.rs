//! The records that are there at the start. They raise no change events: they are older than the installation.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::org::Org;

const FIRST: [&str; 12] = [
    "Halcyon",
    "Meridian",
    "Northlight",
    "Copper",
    "Silver Lake",
    "Olive",
    "Ferry",
    "Lantern",
    "Granite",
    "Juniper",
    "Paper Moon",
    "Tramline",
];
const SECOND: [&str; 8] = ["Songs", "Records", "Music", "Tone Group", "Publishing", "Sound", "Catalogue", "Rights"];
const CITIES: [(&str, &str); 6] = [
    ("Athens", "Greece"),
    ("Lisbon", "Portugal"),
    ("London", "United Kingdom"),
    ("Nashville", "United States"),
    ("Berlin", "Germany"),
    ("Oslo", "Norway"),
];
pub(super) const STATUSES: [&str; 4] = ["Active", "Active", "Pending", "Inactive"];
pub(super) const STAGES: [&str; 6] =
    ["Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost"];
const PRODUCTS: [&str; 4] = ["Rights monitoring", "Cue sheet matching", "Royalty audit", "Neighbouring rights"];

/// How many accounts are seeded; the other objects follow from it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub accounts: usize,
}

/// How long ago the first account was created.
const AGE_MS: i64 = 90 * 86_400_000;

/// Fills the org with records of the last months, at even distances.
pub fn seed(org: &Org, sizes: Sizes, random_seed: u64) {
    let mut random = Rng::with_seed(random_seed);
    org.capture_changes(false);
    org.clock().advance(-AGE_MS);
    let distance = AGE_MS / i64::try_from(sizes.accounts + 1).unwrap_or(i64::MAX);
    let mut left = AGE_MS;
    let products: Vec<String> = PRODUCTS.iter().map(|name| org.create("Product2", product(name))).collect();
    for number in 0..sizes.accounts {
        let account = org.create("Account", account(number, &mut random));
        if number % 2 == 0 {
            let deal = org.create("Opportunity", deal(&account, number, &mut random));
            org.create("OpportunityLineItem", line(&deal, random.choice(&products).expect("not empty"), &mut random));
        }
        if number % 4 == 0 {
            org.create("Contract", contract(&account, number));
        }
        if number % 5 == 0 {
            org.create("Platform__c", platform(&account, number));
        }
        org.clock().advance(distance);
        left -= distance;
    }
    org.clock().advance(left);
    org.capture_changes(true);
}

pub(super) fn account(number: usize, random: &mut Rng) -> Value {
    let (first, second) = (FIRST[number % FIRST.len()], SECOND[number / FIRST.len() % SECOND.len()]);
    let round = number / (FIRST.len() * SECOND.len());
    let name = if round == 0 { format!("{first} {second}") } else { format!("{first} {second} {}", round + 1) };
    let (city, country) = CITIES[random.usize(..CITIES.len())];
    json!({
        "Name": name,
        "Business_Type__c": if number.is_multiple_of(3) { "Publisher;Label" } else { "Publisher" },
        "Account_Status__c": STATUSES[random.usize(..STATUSES.len())],
        "Account_Priority__c": if random.bool() { "High" } else { "Normal" },
        "CurrencyIsoCode": "EUR",
        "BillingStreet": format!("{} Tannery Lane", 1 + random.u32(..200)),
        "BillingCity": city,
        // A text, though it looks like a number, with zeros in front.
        "BillingPostalCode": format!("{:05}", random.u32(..30_000)),
        "BillingCountry": country,
        "Orfium_SSO_ID_SR__c": format!("sr-{number:06}"),
        "Orfium_SSO_ID_Comp__c": format!("comp-{number:06}"),
        "Phone": format!("+30 210 555 {:04}", random.u32(..10_000)),
        "NumberOfEmployees": 1 + random.u32(..500),
        "AnnualRevenue": f64::from(random.u32(..100_000)) / 2.0,
        "Description": "A catalogue of songs.",
    })
}

fn deal(account: &str, number: usize, random: &mut Rng) -> Value {
    let stage = STAGES[random.usize(..STAGES.len())];
    json!({
        "Name": format!("Mandate {}", number + 1),
        "AccountId": account,
        "StageName": stage,
        "Amount": f64::from(random.u32(1_000..90_000)) + 0.5,
        "CurrencyIsoCode": "EUR",
        "Probability": random.u32(..=100),
        "CloseDate": format!("2027-{:02}-15", 1 + random.u32(..12)),
        "IsClosed": stage.starts_with("Closed"),
        "IsWon": stage == "Closed Won",
        "IsPrivate": false,
        "HasOpportunityLineItem": true,
    })
}

fn line(deal: &str, product: &str, random: &mut Rng) -> Value {
    let price = f64::from(random.u32(100..5_000));
    json!({
        "Name": "Rights monitoring",
        "OpportunityId": deal,
        "Product2Id": product,
        "Quantity": 1.0,
        "UnitPrice": price,
        "TotalPrice": price,
        "CurrencyIsoCode": "EUR",
    })
}

fn contract(account: &str, number: usize) -> Value {
    json!({
        "ContractNumber": format!("{:08}", 100 + number),
        "AccountId": account,
        "Status": "Activated",
        "StatusCode": "Activated",
        "CurrencyIsoCode": "EUR",
        "StartDate": "2026-01-01",
        "ContractTerm": 12,
    })
}

fn product(name: &str) -> Value {
    json!({ "Name": name, "Family": "Service", "IsActive": true, "IsArchived": false, "CurrencyIsoCode": "EUR" })
}

fn platform(account: &str, number: usize) -> Value {
    json!({
        "Name": format!("Channel {}", number + 1),
        "Account__c": account,
        "Type__c": "Video",
        "Status__c": "Live",
        "Active__c": true,
    })
}
